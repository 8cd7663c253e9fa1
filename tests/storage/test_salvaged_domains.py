"""What looks like a record inside of a chunk comes to lie in no domain that the volume has not given out."""

import random
from uuid import UUID

import pytest

from galleria_storage.digest import name_of
from galleria_storage.index import Table
from galleria_storage.packs.format import HEADER_SIZE, TRAILER_SIZE
from galleria_storage.proof import prove
from galleria_storage.records import CHUNK, encode_header
from galleria_storage.records import HEADER_SIZE as RECORD_HEADER
from galleria_storage.volume.rows import chunk_of
from tests.support.collected_volume import Place
from tests.support.rot import spoil
from tests.support.small_rule import SMALL_RULE
from tests.support.volumes import Content, begin, content_of, holder, pushed, read_range, sample, send

SCOPE, OTHER = UUID(int=1), UUID(int=2)
MADE_UP = 4711
INNER = random.Random(5).randbytes(SMALL_RULE.block)


def disguised() -> Content:
    """A disk whose only chunk holds a record of a domain that somebody made up."""
    flags, zeros = prove(INNER, SMALL_RULE)
    record = encode_header(CHUNK, 0, flags, zeros, MADE_UP, len(INNER), name_of(INNER), INNER) + INNER
    return content_of(record)


@pytest.mark.parametrize("dedup", ["volume", "scope"])
@pytest.mark.parametrize("index", [True, False], ids=["scrubbed", "rebuilt"])
def test_no_record_comes_to_lie_in_a_domain_that_was_never_given_out(dedup: str, *, index: bool) -> None:
    place = Place(dedup)
    pushed(place.volume, SCOPE, disguised())
    kept = pushed(place.volume, OTHER, content_of(sample(1, 2)))
    (pack, *_) = sorted(place.entries())
    # The chunk's own header rots, and the pack's end.
    spoil(place.store, pack, HEADER_SIZE + 1, len(place.store.read(pack) or b"") - TRAILER_SIZE + 1)
    assert (place.store.read(pack) or b"")[HEADER_SIZE + RECORD_HEADER :].startswith(b"GREC")
    place.reopen(index=index)
    place.volume.scrub(lambda _: None)
    place.volume.assess()
    place.settle()
    keys = place.index.rows[Table.CHUNKS]
    assert MADE_UP not in {domain for _, domain, _ in map(chunk_of, keys)}
    assert read_range(place.volume, kept.id) == content_of(sample(1, 2)).data


def test_what_a_push_under_way_brought_is_salvaged() -> None:
    place, content = Place("scope"), content_of(sample(1, 3))
    push = begin(place.volume, SCOPE)
    send(push, content, content.pages)
    for pack in place.entries():
        spoil(place.store, pack, len(place.store.read(pack) or b"") - TRAILER_SIZE + 1)
    assert place.volume.scrub(lambda _: None).damaged > 0
    root = push.commit(content.layout, holder(SCOPE))
    assert read_range(place.volume, root.id) == content.data


def test_where_a_root_cannot_be_read_what_it_may_need_is_salvaged() -> None:
    place, content = Place("scope"), content_of(sample(1, 3))
    root = pushed(place.volume, SCOPE, content)
    for pack in [*place.entries(), *place.entries("pages/")]:
        spoil(place.store, pack, len(place.store.read(pack) or b"") - TRAILER_SIZE + 1)
    file = place.store.read(f"roots/{root.id.hex}") or b""
    place.store.replace(f"roots/{root.id.hex}", file[:-1])
    place.reopen(index=False)
    place.store.replace(f"roots/{root.id.hex}", file)
    place.reopen()
    assert read_range(place.volume, root.id) == content.data
