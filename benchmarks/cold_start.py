"""CPU seconds that a command costs from a cold start: reported, never gated.

    python -m benchmarks.cold_start

Each command runs in a process of its own, files in the page cache; the least and the median of the
rounds, user and system time of the process and its children.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys

COMMANDS = (
    ("--help",),
    ("advise", "--help"),
    ("advise", "--task-type", "classification", "--rows", "1000"),
    ("advise", "-t", "examples/ticket-routing/spec.yaml", "--ladder", "qwen2.5"),
    ("fit", "--gpu", "rtx-4090"),
    ("knowledge", "--help"),
    ("knowledge", "show", "small-never-matches-large"),
    ("knowledge", "search", "small", "model", "tools"),
    ("plan", "-t", "examples/ticket-routing/spec.yaml"),
)


def cpu_seconds(command: tuple[str, ...]) -> float:
    """Of one run of `advisor` with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "advisor", *command], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print("| command | least, CPU-s | median |\n|---|---|---|")
    for command in COMMANDS:
        taken = [cpu_seconds(command) for _ in range(rounds)]
        shown = " ".join(command)
        print(f"| advisor {shown} | {min(taken):.2f} | {statistics.median(taken):.2f} |")


if __name__ == "__main__":
    main()
