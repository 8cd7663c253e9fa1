"""Root files: read back as written, refused when anything is changed."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galleria_storage import roots
from galleria_storage.digest import name_of
from galleria_storage.errors import FormatRefused, StorageError
from galleria_storage.layout import Layout
from galleria_storage.roots import Holder, Root, RootDamaged
from galleria_storage.rules import BLOCK_CDC_1

LAYOUT = Layout(BLOCK_CDC_1, 3 << 26, (name_of(b"one"), None, name_of(b"two")))
ROOT = Root(UUID(int=1), Holder(UUID(int=2), UUID(int=3), "disks/größe"), LAYOUT, 12345, 7, 9, 1_700_000_000_123)
U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)


def test_the_bytes_are_those_of_the_format() -> None:
    name, layout = "disks/größe".encode(), LAYOUT.encode()
    fields = [
        b"GROT",
        (1).to_bytes(2, "little"),
        bytes(2),
        *(UUID(int=number).bytes for number in (1, 2, 3)),
        *(number.to_bytes(4, "little") for number in (7, 0, 9, 0)),
        *(number.to_bytes(8, "little") for number in (12345, 1_700_000_000_123)),
        *(len(part).to_bytes(4, "little") for part in (name, layout)),
        name,
        layout,
    ]
    body = b"".join(fields)
    assert roots.encode(ROOT) == body + name_of(body)


@settings(deadline=None)
@given(st.uuids(), st.uuids(), st.uuids(), st.text(max_size=500), U32, U32, U64, U64)
def test_a_root_is_read_back(
    own: UUID, scope: UUID, resource: UUID, name: str, domain: int, epoch: int, occupied: int, pinned: int
) -> None:
    root = Root(own, Holder(scope, resource, name), LAYOUT, occupied, domain, epoch, pinned)
    assert roots.decode(own, roots.encode(root)) == root


@settings(deadline=None)
@given(st.data(), st.integers(1, 255))
def test_any_changed_byte_is_noticed(draw: st.DataObject, change: int) -> None:
    data = bytearray(roots.encode(ROOT))
    data[draw.draw(st.integers(0, len(data) - 1))] ^= change
    with pytest.raises(RootDamaged) as damaged:
        roots.decode(ROOT.id, bytes(data))
    assert damaged.value.root == ROOT.id.hex


@settings(deadline=None)
@given(st.data())
def test_a_file_cut_short_or_long_is_noticed(draw: st.DataObject) -> None:
    data = roots.encode(ROOT)
    end = draw.draw(st.integers(0, len(data) - 1))
    for wrong in (data[:end], data + bytes(end + 1)):
        with pytest.raises(RootDamaged):
            roots.decode(ROOT.id, wrong)


def signed(at: int, value: bytes) -> bytes:
    """The file with other bytes at an offset, and a digest that fits."""
    body = roots.encode(ROOT)[:-32]
    body = body[:at] + value + body[at + len(value) :]
    return body + name_of(body)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"X"),
        (4, b"\2"),
        (6, b"\1"),
        (8, bytes(16)),
        (60, b"\1"),
        (68, b"\1"),
        (88, (2049).to_bytes(4, "little")),
        (92, b"\xff\xff\xff\xff"),
        (96, b"\xff"),
    ],
    ids=["magic", "version", "zero", "another root", "key id", "second zero", "name", "layout", "no UTF-8"],
)
def test_a_digest_makes_nothing_right(at: int, value: bytes) -> None:
    with pytest.raises(RootDamaged):
        roots.decode(ROOT.id, signed(at, value))


def test_a_wrong_layout_is_refused_as_such() -> None:
    body = roots.encode(ROOT)
    with pytest.raises(StorageError) as refused:
        roots.decode(ROOT.id, signed(body.index(b"GLAY"), b"GLAX"))
    assert not isinstance(refused.value, RootDamaged)


def test_names_up_to_the_bound() -> None:
    longest = replace(ROOT, holder=replace(ROOT.holder, name="n" * 2048))
    assert roots.decode(ROOT.id, roots.encode(longest)) == longest
    with pytest.raises(FormatRefused):
        roots.encode(replace(ROOT, holder=replace(ROOT.holder, name="n" * 2049)))


def test_the_longest_layout_fits() -> None:
    pages = tuple(name_of(i.to_bytes(4, "big")) for i in range(BLOCK_CDC_1.max_segments))
    root = replace(ROOT, layout=Layout(BLOCK_CDC_1, BLOCK_CDC_1.max_disk, pages))
    data = roots.encode(root)
    assert len(root.layout.encode()) <= roots.MAX_LAYOUT
    assert roots.decode(ROOT.id, data) == root


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        (roots.object_name(ROOT.id), (ROOT.id, False)),
        (roots.released_name(ROOT.id), (ROOT.id, True)),
        ("roots/1", None),
        (f"roots/{'A' * 32}", None),
        (f"roots/{'a' * 32}.gone", None),
        (f"packs/{'a' * 32}", None),
    ],
)
def test_names_of_objects(name: str, parsed: tuple[UUID, bool] | None) -> None:
    assert roots.parse_object_name(name) == parsed
