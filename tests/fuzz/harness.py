"""One parser under libFuzzer, in a process of its own: `python -m tests.fuzz.harness PARSER CORPUS [FLAG...]`.

It ends with a status that is not 0, and the traceback, at the first input that the parser crashes on, misreads, or
takes too much memory for. Each input is tried as it comes and with its checks made right.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["galleria_storage", "galleria.v1.record_messages", "tests.fuzz.planted"]):
    from tests.fuzz.planted import PLANTED
    from tests.support.parsers import Parser, examine, parsers

from tests.support.mutations import mutated

LARGEST = 16 << 10
"""Bytes of an input."""


def main(name: str, corpus: Path, flags: list[str]) -> None:
    parser = PLANTED if name == PLANTED.name else parsers()[name]
    write_seeds(parser, corpus)
    arguments = [sys.argv[0], str(corpus), f"-max_len={LARGEST}", *flags]
    atheris.Setup(arguments, lambda data: run(parser, data), custom_mutator=mutator(parser), internal_libfuzzer=True)
    atheris.Fuzz()


def write_seeds(parser: Parser, corpus: Path) -> None:
    for number, seed in enumerate(parser.seeds):
        (corpus / f"seed-{number}").write_bytes(seed[:LARGEST])


def run(parser: Parser, data: bytes) -> None:
    examine(parser, data)
    sealed = parser.seal(data)
    if sealed != data:
        examine(parser, sealed)


def mutator(parser: Parser) -> Callable[[bytes, int, int], bytes]:
    def mutate(data: bytes, largest: int, seed: int) -> bytes:
        """Half by libFuzzer, which knows what the parser compared; half as stored bytes go wrong, sealed."""
        chance = random.Random(seed)
        if not data or chance.random() < 0.5:
            return bytes(atheris.Mutate(data, largest))
        return parser.seal(mutated([data], chance))[:largest]

    return mutate


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
