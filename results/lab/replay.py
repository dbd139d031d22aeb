"""Score policies on the opened families: `python -m results.lab.replay` writes replay.md.

Unopened ones are scored by `advisor lab replay --unopened --who … --why …`, which logs it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from advisor.lab.null import GAPS, Claims, claims
from advisor.lab.policies import POLICIES
from advisor.lab.replay import laboratories, page, replayed, summaries

HERE = Path(__file__).parent
HEAD = """# Policies replayed on the opened families

Written by `python -m results.lab.replay`: from `tables/` alone, no model is run. What the columns
mean is in [docs/lab.md](../../docs/lab.md). These are the families that may be looked at while
building; figures that count are those of the others, and every look at them is in `opened.yaml`.
"""


def null_table(found: Sequence[Claims]) -> str:
    """The null laboratory as a Markdown table."""
    first = found[0]
    lines = [
        "## The null laboratory",
        "",
        f"{first.n_arms} simulated arms on {first.n_items} items, {first.replays} replays. One arm"
        " is held against all others, p-values by Holm, claims at .05: the arm that looks best, or"
        " one that was named before anything was seen.",
        "",
        "| true gap | looks best: false claims | named: false claims | the arm ahead is found |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {each.gap:.2f} | {each.false_claims:.3f} | {each.false_beforehand:.3f} | "
        f"{'-' if each.gap == 0 else f'{each.found:.3f}'} |"
        for each in found
    ]
    return "\n".join(lines)


def main() -> None:
    """Replay everything on what is opened and measured whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lab", type=Path, default=HERE)
    parser.add_argument("--replays", type=int, default=1000, help="of the null laboratory")
    arguments = parser.parse_args()
    labs = list(laboratories(arguments.lab, (), unopened=False))
    found = replayed(labs, list(POLICIES))
    asked = [each.scenario for each in next(iter(found.values()))]
    null = null_table([claims(gap, replays=arguments.replays) for gap in GAPS])
    text = "\n".join([HEAD, page(summaries(found), asked), "", null, ""])
    (arguments.lab / "replay.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
