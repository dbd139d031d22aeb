"""One way to find near rows, run alone: `python near_duplicates_peers.py TOOL TEXTS PAIRS`.

TEXTS has one text a line; found pairs go to PAIRS, two numbers a line. Prints CPU seconds and
peak memory before and after as JSON. Needs nothing of the project but for the tool `ours`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

LIKENESS, N_PERMUTATIONS, N_BANDS, AT_ONCE = 0.8, 128, 16, 10_000


def shingles(text: str) -> list[str]:
    """Words and pairs of neighbours, as ours; the texts are lower case and have no punctuation."""
    found = text.split()
    return list({*found, *map(" ".join, pairwise(found))})


def ours(texts: list[str]) -> Iterator[tuple[int, int]]:
    """`probes.audit.near`."""
    from probes.audit.near import near_pairs

    yield from map(tuple, near_pairs(texts).tolist())


def datasketch(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Its MinHash and LSH index; pairs whose estimated likeness is high enough."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=LIKENESS, num_perm=N_PERMUTATIONS)
    hashes: list = []
    for first in range(0, len(texts), AT_ONCE):
        encoded = [
            [each.encode() for each in shingles(text)] for text in texts[first : first + AT_ONCE]
        ]
        hashes += MinHash.bulk(encoded, num_perm=N_PERMUTATIONS)
    for at, own in enumerate(hashes):
        for other in index.query(own):
            if own.jaccard(hashes[other]) >= LIKENESS:
                yield other, at
        index.insert(at, own)


def rensa(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Its RMinHash and LSH index; pairs whose estimated likeness is high enough."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(LIKENESS, N_PERMUTATIONS, N_BANDS)
    hashes: list = []
    for first in range(0, len(texts), AT_ONCE):
        found = [shingles(text) for text in texts[first : first + AT_ONCE]]
        hashes += RMinHash.from_token_sets(found, N_PERMUTATIONS, 42)
    for at, own in enumerate(hashes):
        for other in index.query(own):
            if own.jaccard(hashes[other]) >= LIKENESS:
                yield other, at
        index.insert(at, own)


TOOLS: dict[str, Callable[[list[str]], Iterator[tuple[int, int]]]] = {
    "ours": ours,
    "rensa": rensa,
    "datasketch": datasketch,
}


def peak_mib() -> float:
    """The most memory that this process has held; `ru_maxrss` would count its parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Read, find, write."""
    tool, texts_path, pairs_path = sys.argv[1:]
    texts = Path(texts_path).read_text().splitlines()
    before = peak_mib()
    began = time.process_time()
    found = list(TOOLS[tool](texts))
    seconds = time.process_time() - began
    peak = peak_mib()
    Path(pairs_path).write_text("".join(f"{one} {other}\n" for one, other in found))
    print(json.dumps({"seconds": seconds, "before_mib": before, "peak_mib": peak}))


if __name__ == "__main__":
    main()
