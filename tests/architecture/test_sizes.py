"""Files and functions stay short enough to be read alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("server", "storage", "client", "protos", "tests", "benchmarks")
GENERATED = ("_pb2.py", "_pb2_grpc.py")
NOT_OURS = {"node_modules", "third_party", ".cache"}
FILE_LINES = 500
FUNCTION_LINES = 60


def test_no_file_is_longer_than_500_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in hand_written()}
    assert lengths
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{line} {name}": length
        for path in hand_written()
        for name, line, length in functions(path.read_text())
    }
    assert lengths
    assert {function: length for function, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_a_docstring_does_not_count() -> None:
    source = 'def short():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert list(functions(source)) == [("short", 1, 2)]


def test_a_function_inside_a_function_counts_for_both() -> None:
    source = "def outer():\n    async def inner():\n        return 1\n    return inner\n"
    assert list(functions(source)) == [("outer", 1, 4), ("inner", 2, 2)]


def hand_written() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.name.endswith(GENERATED) and NOT_OURS.isdisjoint(path.relative_to(ROOT).parts):
                yield path


def functions(source: str) -> Iterator[tuple[str, int, int]]:
    """The name, first line and length in lines, docstring left out, of every function."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)


def docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(function) is None:
        return 0
    docstring = function.body[0]
    return (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
