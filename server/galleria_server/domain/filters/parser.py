"""From text to a tree, by recursive descent.

The grammar, in which spaces may stand anywhere; as in AIP-160, OR binds more tightly than AND:

- expression: factor {"AND" factor}
- factor: term {"OR" term}
- term: ["NOT" | "-"] (comparison | "(" expression ")")
- comparison: name {"." (name | quoted)} operator (word | quoted | "*")
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.filters.syntax import NAME, All, Comparison, Expression, Not, Operator, Some

FIELD = "filter"
_LONGEST = limits.number("filter")
_MOST_TERMS = limits.number("filter_terms")
_DEEPEST = limits.number("filter_depth")
_MAX_SHOWN = 40

_SPACE = re.compile(r"\s*")
_AND, _OR, _NOT = (re.compile(rf"{word}(?![\w.-])") for word in ("AND", "OR", "NOT"))
_MINUS, _OPEN, _CLOSE, _DOT, _ANY = (re.compile(re.escape(sign)) for sign in "-().*")
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>|:")
_QUOTED = re.compile(r""""((?:[^"\\]|\\["'\\])*)"|'((?:[^'\\]|\\["'\\])*)'""")
_WORD = re.compile(r"""[^\s()=<>!:"'\\*]+""")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_FIRST_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SHOWN = re.compile(r"\w+|\S")


def refuse(column: int, text: str, wrong: str) -> NoReturn:
    """Raise InvalidRequest for what stands at a column of the filter."""
    shown = repr(text[:_MAX_SHOWN]) if text else "the end"
    raise InvalidRequest((FieldViolation(FIELD, f"column {column}: {shown} {wrong}"),))


def parse(text: str) -> Expression | None:
    """The tree of a filter; None for one without any comparison, which lets everything through.

    Raises InvalidRequest, which points at the column.
    """
    if len(text) > _LONGEST:
        wrong = f"has {len(text)} characters, the limit is {_LONGEST}"
        raise InvalidRequest((FieldViolation(FIELD, wrong),))
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._terms = 0

    def parse(self) -> Expression | None:
        self._space()
        if self._at == len(self._text):
            return None
        found = self._expression()
        if self._at < len(self._text):
            self._fail("is too much; comparisons are joined by AND or OR")
        return found

    def _expression(self) -> Expression:
        terms = self._joined(self._factor, _AND)
        return All(terms) if len(terms) > 1 else terms[0]

    def _factor(self) -> Expression:
        terms = self._joined(self._term, _OR)
        return Some(terms) if len(terms) > 1 else terms[0]

    def _joined(self, part: Callable[[], Expression], word: re.Pattern[str]) -> tuple[Expression, ...]:
        terms = [part()]
        while self._took(word):
            terms.append(part())
        return tuple(terms)

    def _term(self) -> Expression:
        if self._took(_NOT) or self._took(_MINUS):
            return Not(self._simple())
        return self._simple()

    def _simple(self) -> Expression:
        if not self._took(_OPEN):
            return self._comparison()
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail(f"is in more than {_DEEPEST} parentheses, which is the limit")
        found = self._expression()
        if not self._took(_CLOSE):
            self._fail("must be ')', AND or OR")
        self._depth -= 1
        return found

    def _comparison(self) -> Comparison:
        self._terms += 1
        if self._terms > _MOST_TERMS:
            self._fail(f"is one comparison more than {_MOST_TERMS}, which is the limit")
        column = self._at + 1
        path = self._path()
        self._space()
        sign = self._take(_OPERATOR, "must be one of = != < <= > >= :")
        self._space()
        return Comparison(path, Operator(sign[0]), value_column=self._at + 1, value=self._value(), column=column)

    def _path(self) -> tuple[str, ...]:
        path = [self._take(_FIRST_NAME, "must be the name of a field")[0]]
        while self._match(_DOT):
            quoted = self._match(_QUOTED)
            path.append(_unquoted(quoted) if quoted else self._take(NAME, "must be a name, or a key in quotes")[0])
        return tuple(path)

    def _value(self) -> str | None:
        if self._took(_ANY):
            return None
        quoted = self._match(_QUOTED)
        value = _unquoted(quoted) if quoted else self._take(_WORD, "must be a value, in quotes unless it is a word")[0]
        self._space()
        return value

    def _took(self, pattern: re.Pattern[str]) -> bool:
        taken = self._match(pattern) is not None
        self._space()
        return taken

    def _take(self, pattern: re.Pattern[str], wrong: str) -> re.Match[str]:
        return self._match(pattern) or self._fail(wrong)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match:
            self._at = match.end()
        return match

    def _space(self) -> None:
        self._match(_SPACE)

    def _fail(self, wrong: str) -> NoReturn:
        self._space()
        shown = _SHOWN.match(self._text, self._at)
        refuse(self._at + 1, shown[0] if shown else "", wrong)


def _unquoted(match: re.Match[str]) -> str:
    inner = match[1] if match[1] is not None else match[2]
    return _ESCAPE.sub(r"\1", inner)
