"""An index made again from the packs and roots of a volume that references much.

Packs and roots are real, but for the payloads of chunks, which nothing reads: see `referenced_volume`. The time is that
of opening the volume without an index, in a process of its own.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from benchmarks.referenced_volume import TIB, build
from benchmarks.targets import FOLDER, MB, Spent, Target, alone, judge, spending
from galleria_storage.index import RocksShared
from galleria_storage.volume import open_local_volume

_PLACE = FOLDER / "rebuilding"


def main() -> int:
    """Print the figures; 0 if the target is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tib", type=float, default=1.0, help="TiB to reference (default: 1)")
    share = parser.parse_args().tib
    try:
        referenced = build(_PLACE, int(share * TIB), data=True)
        records, size, spent = alone(_rebuild, _PLACE)
    finally:
        shutil.rmtree(_PLACE, ignore_errors=True)
    print(f"index rebuild: {share:g} TiB referenced, {referenced.chunks / 1e6:.1f} million chunks, {records} records")
    print(f"  {spent.wall:.1f} s, {spent.cpu:.1f} s of CPU; index of {size / MB:.0f} MB", end="; ")
    print(f"memory {spent.memory / MB:.0f} MB at most, {spent.more / MB:.0f} MB more than before")
    per_tib = f" (measured with {share:g})" if share != 1 else ""
    return judge([Target(f"rebuild per TiB referenced{per_tib}", spent.wall / share, 180, "s")])


def _rebuild(folder: Path) -> tuple[int, int, Spent]:
    """Records and bytes of the index, and what it took to make it."""
    volume, spent = spending(lambda: open_local_volume(folder, RocksShared()))
    usage = volume.usage()
    volume.close()
    return usage.records, usage.index, spent


if __name__ == "__main__":
    raise SystemExit(main())
