"""Judging a page as a server does: every chunk is proved from its bytes, then the page from the proofs."""

from collections.abc import Sequence

from galleria_storage.digest import names_of
from galleria_storage.errors import ChunkNotByRule, PageInvalid
from galleria_storage.layout import Page, check_page, encode_page
from galleria_storage.proof import prove
from galleria_storage.rules import Rule


def chunks_of(data: bytes, pieces: Sequence[int]) -> list[bytes]:
    """The bytes of the chunks among the pieces."""
    chunks, at = [], 0
    for piece in pieces:
        if piece > 0:
            chunks.append(data[at : at + piece])
        at += abs(piece)
    return chunks


def accept(data: bytes, pieces: Sequence[int], rule: Rule, *, last: bool = True) -> Page:
    """The page of these pieces, if the rule accepts it; raises ChunkNotByRule or PageInvalid otherwise."""
    chunks = chunks_of(data, pieces)
    page = Page.parse(encode_page(pieces, names_of(chunks)), rule)
    proofs = [(len(chunk), *prove(chunk, rule)) for chunk in chunks]
    check_page(page, rule, len(data), last, proofs)
    return page


def refusal(data: bytes, pieces: Sequence[int], rule: Rule) -> str | None:
    """Why a page of these pieces is refused, None if it is accepted."""
    try:
        accept(data, pieces, rule)
    except (ChunkNotByRule, PageInvalid) as error:
        return error.reason
    return None
