"""How log lines look: key=value for people, JSON for machines. Every line has the request id of its call."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from galleria_server.calls import CURRENT

FORMATS = ("text", "json")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class TextFormatter(logging.Formatter):
    """One line of key=value; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        values = _values(record)
        head = f"{values.pop('time')} {values.pop('level'):7} {values.pop('logger')}: {values.pop('message')}"
        traceback = values.pop("traceback", None)
        pairs = "".join(f" {key}={_shown(value)}" for key, value in values.items() if value not in ("", None))
        return head + pairs + (f"\n{traceback}" if traceback else "")


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_values(record), default=str, ensure_ascii=False)


def set_up(log_format: str) -> None:
    """Send all logs to standard error in `text` or `json`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _values(record: logging.LogRecord) -> dict[str, object]:
    values: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    request_id = CURRENT.get().request_id
    if request_id != "-":
        values["request_id"] = request_id
    values.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
    if record.exc_info:
        values["traceback"] = logging.Formatter().formatException(record.exc_info)
    return values


def _shown(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(mark in text for mark in ' "=\n') else text
