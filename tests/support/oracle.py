"""FORMAT.md section 1 once more, as slow and plain as can be, sharing no code with the package."""

import xxhash


def oracle_cut(data: bytes, block: int) -> list[int]:
    """The pieces of a segment: each block is judged alone, then runs, then chunks; a hole's length is negative."""
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    pieces: list[int] = []
    for is_hole, run in oracle_runs(blocks):
        if is_hole:
            pieces.append(-sum(len(one) for one in run))
        else:
            pieces.extend(sum(len(one) for one in chunk) for chunk in oracle_chunks(run))
    return pieces


def oracle_runs(blocks: list[bytes]) -> list[tuple[bool, list[bytes]]]:
    """Maximal runs: (True, blocks) for holes, (False, blocks) for what lies between them."""
    hole = [False] * len(blocks)
    for first in range(len(blocks) - 15):
        if not any(any(one) for one in blocks[first : first + 16]):
            hole[first : first + 16] = [True] * 16
    runs: list[tuple[bool, list[bytes]]] = []
    for is_hole, one in zip(hole, blocks, strict=True):
        if not runs or runs[-1][0] != is_hole:
            runs.append((is_hole, []))
        runs[-1][1].append(one)
    return runs


def oracle_chunks(stretch: list[bytes]) -> list[list[bytes]]:
    """The chunks of a stretch without holes."""
    chunks: list[list[bytes]] = [[]]
    for one in stretch:
        if oracle_ends(chunks[-1]):
            chunks.append([])
        chunks[-1].append(one)
    return chunks


def oracle_ends(chunk: list[bytes]) -> bool:
    """Whether a chunk of these blocks ends by rule."""
    n = len(chunk)
    if n < 4:
        return False
    h = xxhash.xxh64(chunk[-1], seed=0).intdigest()
    if n <= 7:
        return h % 16 == 0
    return h % 4 == 0 or n == 64


def oracle_proof(chunk: bytes, block: int) -> tuple[int, int] | None:
    """Flags and zero counts of a chunk alone, None where it must be refused."""
    blocks = [chunk[at : at + block] for at in range(0, len(chunk), block)]
    if not 1 <= len(blocks) <= 64 or any(oracle_ends(blocks[:n]) for n in range(1, len(blocks))):
        return None
    zeros = "".join("1" if any(one) else "0" for one in blocks)
    if "0" * 16 in zeros:
        return None
    lead, trail = len(zeros) - len(zeros.lstrip("0")), len(zeros) - len(zeros.rstrip("0"))
    return int(oracle_ends(blocks)), lead + 16 * trail
