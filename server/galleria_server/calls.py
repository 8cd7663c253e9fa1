"""The call that is being answered, for logs and errors."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass

_ALLOWED = re.compile(r"[A-Za-z0-9._:-]{1,64}")


@dataclass(slots=True)
class Call:
    """One call. Handlers may add to the byte counts; interceptors set action, caller and reason.

    The caller is empty until there are identities.
    """

    request_id: str
    method: str
    action: str = ""
    caller: str = ""
    reason: str = ""
    received_bytes: int = 0
    sent_bytes: int = 0


_NOBODY = Call("-", "-")
CURRENT: ContextVar[Call] = ContextVar("galleria_call", default=_NOBODY)


def request_id_from(offered: str | bytes | None) -> str:
    """The caller's request id if it is a plain short word, a new one otherwise."""
    if isinstance(offered, str) and _ALLOWED.fullmatch(offered):
        return offered
    return uuid.uuid4().hex
