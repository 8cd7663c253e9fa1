"""Filters of lists, without a wire: what they read as, what passes, and where they are wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_server.domain.errors import InvalidRequest
from galleria_server.domain.filters import Choice, Dictionary, Listed, Scalar, Struct, bind, parse
from galleria_server.domain.filters.syntax import All, Comparison, Expression, Not, Operator, Some
from galleria_server.domain.limits import LIMITS

SHAPE = Struct(
    {
        "name": Scalar.TEXT,
        "description": Scalar.TEXT,
        "excluded": Scalar.TRUTH,
        "size": Scalar.NUMBER,
        "made": Scalar.TIME,
        "ended": Scalar.TIME,
        "state": Choice(("CREATING", "SUCCEEDED", "TRUSTED_LAUNCH")),
        "tags": Dictionary(),
        "policy": Struct({"enabled": Scalar.TRUTH, "note": Scalar.TEXT}),
        "absent": Struct({"enabled": Scalar.TRUTH}),
        "targets": Listed(Struct({"region": Scalar.TEXT, "count": Scalar.NUMBER})),
        "features": Listed(Scalar.TEXT),
    }
)
RESOURCE = {
    "name": "Debian-12",
    "description": "",
    "excluded": True,
    "size": 4096,
    "made": datetime(2026, 3, 1, tzinfo=UTC),
    "ended": None,
    "state": "SUCCEEDED",
    "tags": {"team": "a", "cost center": "7", "empty": ""},
    "policy": {"enabled": False, "note": ""},
    "absent": None,
    "targets": [{"region": "eastus", "count": 2}, {"region": "westus", "count": 1}],
    "features": ["SCSI", "NVMe"],
}
WORDS = st.one_of(st.text(max_size=8), st.text(alphabet="a.*'\"\\ ", max_size=8))
PATHS = st.tuples(st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_-]{0,6}\Z").filter(lambda name: name != "NOT"), WORDS).map(
    lambda parts: (parts[0],) if not parts[1] else parts
)
COMPARISONS: st.SearchStrategy[Expression] = st.builds(
    Comparison, PATHS, st.sampled_from(Operator), st.one_of(WORDS, st.none())
)


def compound(terms: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(terms, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, terms), st.builds(All, several), st.builds(Some, several))


@contextmanager
def only_the_filter_refused() -> Iterator[None]:
    refused: tuple[str, ...] = ("filter",)
    try:
        yield
    except InvalidRequest as refusal:
        refused = refusal.fields
    assert refused == ("filter",)


def passes(text: str) -> bool:
    return bind(parse(text), SHAPE).passes(RESOURCE)


@given(st.recursive(COMPARISONS, compound, max_leaves=12))
def test_a_tree_written_out_reads_as_itself(tree: Expression) -> None:
    assert parse(str(tree)) == tree


@given(st.one_of(st.text(), st.text(alphabet="ab.=:<>!()-*\"'\\ANDORT \0\n", max_size=60)))
def test_any_text_is_a_filter_or_refused_as_a_wrong_field(text: str) -> None:
    with only_the_filter_refused():
        bind(parse(text), SHAPE).passes(RESOURCE)


@given(st.sampled_from(sorted(SHAPE.fields)), st.sampled_from(Operator), st.text(max_size=40))
def test_any_value_beside_any_field_is_compared_or_refused(field: str, used: Operator, value: str) -> None:
    with only_the_filter_refused():
        bind(Comparison((field,), used, value), SHAPE).passes(RESOURCE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        'name = "Debian-12"',
        "name=Debian-12",
        "name = 'Debian-12'",
        'name : "DEB"',
        "name != debian-12",
        "name > Debian-11 AND name < Debian-13",
        "excluded = true",
        "excluded:TRUE",
        "size >= 4096 AND size <= 4096.0 AND size < 4097",
        'made > "2026-01-01T00:00:00Z"',
        'made = "2026-03-01T02:00:00+02:00"',
        "state = succeeded AND state != TrustedLaunch",
        "tags.team = a",
        'tags."cost center" = 7',
        "tags:team AND tags.team:*",
        "tags.empty:*",
        "-tags.nobody:*",
        "NOT description:*",
        "policy:* AND policy.enabled = false",
        "NOT policy.enabled:*",
        "NOT policy.note:*",
        "NOT ended:* AND NOT absent:*",
        "targets.region:westus AND targets.count:2 AND targets:*",
        "NOT targets.region:west",
        "features:NVMe",
        "name = x OR excluded = true AND size = 4096",
        "NOT (name = x AND excluded = true)",
        "(((name:*)))",
        " AND ".join(["(name:*)"] * 30),
    ],
)
def test_what_passes(text: str) -> None:
    assert passes(text)


@pytest.mark.parametrize(
    "text",
    [
        "name = debian-12",
        'name != "Debian-12"',
        "excluded = false",
        "size > 4096",
        'made < "2026-03-01T00:00:00Z"',
        "state:CREATING",
        "tags.team:b",
        'tags.nobody != "a"',
        "tags:nobody",
        'ended != "2026-01-01T00:00:00Z"',
        "absent.enabled = false",
        "NOT excluded = true",
        # OR binds more tightly: this is excluded AND (size OR name).
        "name = x AND size = 4096 OR excluded = true",
        "features:nvme",
    ],
)
def test_what_does_not_pass(text: str) -> None:
    assert not passes(text)


@pytest.mark.parametrize(
    ("text", "column", "offending"),
    [
        ("nome = x", 1, "'nome' is no field"),
        ("excluded = true AND nome = x", 21, "'nome' is no field"),
        ("policy.on = true", 1, "'policy.on' is no field; it may be enabled, note"),
        ("name.x = 1", 1, "'name.x' is no field; name has none"),
        ("excluded = yes", 12, "'yes' must be true or false"),
        ("size = many", 8, "'many' must be a number"),
        ('made > "yesterday"', 8, "'yesterday' must be a time"),
        ('made > "2026-01-01T00:00:00"', 8, "must be a time"),
        ('made > "0001-01-01T00:00:00+23:00"', 8, "must be a time"),
        ("state = GONE", 9, "'GONE' must be one of CREATING, SUCCEEDED"),
        ("state < SUCCEEDED", 1, "has no order to be compared by <"),
        ("policy = x", 1, "'policy' is no single value; compare one of enabled, note"),
        ("tags = x", 1, "'tags' has keys"),
        ("targets.region = eastus", 1, "is in a list"),
        ("name = *", 8, "stands only after ':'"),
        ("name", 5, "the end must be one of ="),
        ("name = ", 8, "the end must be a value"),
        ("name = a b", 10, "'b' is too much"),
        ("name = a AND", 13, "the end must be the name of a field"),
        ("(name = a", 10, "the end must be ')'"),
        ("name = a)", 9, "')' is too much"),
        ('name = "a', 8, "'\"' must be a value"),
        ("= a", 1, "'=' must be the name of a field"),
        ("tags. = a", 7, "'=' must be a name, or a key in quotes"),
        ("12 = a", 1, "'12' must be the name of a field"),
    ],
)
def test_what_is_wrong_is_pointed_at(text: str, column: int, offending: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        passes(text)
    (violation,) = caught.value.violations
    assert violation.field == "filter"
    assert violation.description.startswith(f"column {column}: ")
    assert offending in violation.description


def test_a_filter_tells_which_fields_it_needs() -> None:
    assert bind(parse("tags.team = a AND NOT (size = 1 OR policy.enabled = true)"), SHAPE).fields == {
        "tags",
        "size",
        "policy",
    }


@pytest.mark.parametrize(
    ("key", "of"),
    [
        ("filter", lambda n: 'name = "'.ljust(n - 1, "a") + '"'),
        ("filter_terms", lambda n: " AND ".join(["name:*"] * n)),
        ("filter_depth", lambda n: "(" * n + "name:*" + ")" * n),
    ],
)
def test_a_filter_is_refused_one_over_its_limits(key: str, of: object) -> None:
    limit = LIMITS[key].number
    assert callable(of)
    parse(of(limit))
    with pytest.raises(InvalidRequest, match=f"{limit}\\b"):
        parse(of(limit + 1))
