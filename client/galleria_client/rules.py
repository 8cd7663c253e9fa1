"""Agreeing with a server on how content is cut."""

from __future__ import annotations

from collections.abc import Iterable

from galleria.v1.installation_pb2 import ChunkingRule
from galleria_client.errors import GalleriaError
from galleria_storage.errors import UnknownRule
from galleria_storage.rules import Rule, rule_named


class NoCommonRule(GalleriaError):
    """The server cuts only by rules that this client does not know; `names` are the server's."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(names)
        self.names = names

    def __str__(self) -> str:
        return f"the server cuts content by {', '.join(self.names) or 'no rule'}, which this client cannot; update it"


def common_rule(offered: Iterable[ChunkingRule]) -> Rule:
    """The first rule of the server's that this client knows with the same parameters.

    Raises:
        NoCommonRule: there is none.
    """
    offered = list(offered)
    for theirs in offered:
        try:
            ours = rule_named(theirs.name)
        except UnknownRule:
            continue
        if parameters(theirs) == (
            ours.block,
            ours.segment,
            ours.hole_blocks,
            ours.min_blocks,
            ours.mid_blocks,
            ours.max_blocks,
            ours.early_mask,
            ours.late_mask,
        ):
            return ours
    raise NoCommonRule(tuple(theirs.name for theirs in offered))


def parameters(rule: ChunkingRule) -> tuple[int, ...]:
    """The parameters of a rule as the wire tells them, in the order of the message."""
    return (
        rule.block_bytes,
        rule.segment_bytes,
        rule.hole_blocks,
        rule.min_blocks,
        rule.late_blocks,
        rule.max_blocks,
        rule.early_mask,
        rule.late_mask,
    )
