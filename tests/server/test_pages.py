import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_server.domain.errors import InvalidRequest, PageTokenInvalid
from galleria_server.domain.pages import PageTokens, page_size

TOKENS = PageTokens(b"k" * 32)
POSITIONS = st.lists(st.one_of(st.text(max_size=100), st.integers(-(2**63), 2**63)), max_size=3)


@given(POSITIONS, st.lists(st.text(max_size=20), max_size=3))
def test_a_token_opens_to_its_position(position: list[str | int], binding: list[str]) -> None:
    assert TOKENS.open(tuple(binding), TOKENS.seal(tuple(binding), position)) == position


@given(POSITIONS)
def test_a_token_is_refused_with_other_arguments_another_key_or_a_changed_byte(position: list[str | int]) -> None:
    token = TOKENS.seal(("list", "a"), position)
    changed = ("B" if token[0] == "A" else "A") + token[1:]
    for tokens, binding, given_token in (
        (TOKENS, ("list", "b"), token),
        (TOKENS, ("list a",), token),
        (PageTokens(b"other"), ("list", "a"), token),
        (TOKENS, ("list", "a"), changed),
    ):
        with pytest.raises(PageTokenInvalid):
            tokens.open(binding, given_token)


@given(st.text(min_size=1, max_size=200))
def test_any_text_that_was_not_sealed_is_refused(text: str) -> None:
    with pytest.raises(PageTokenInvalid):
        TOKENS.open(("list",), text)


def test_no_token_asks_for_the_first_page() -> None:
    assert TOKENS.open(("list",), "") is None


@pytest.mark.parametrize(("asked", "size"), [(0, 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_page_sizes(asked: int, size: int) -> None:
    assert page_size(asked) == size


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        page_size(-1)
