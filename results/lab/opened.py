"""Which families are open to look at while building: `python -m results.lab.opened` writes it.

The rule, committed before anything was measured: a family is opened where the first eight bytes of
SHA-256("advisor-lab-1" NUL name), as a fraction of all they could be, lie below a fifth. It depends
on the name alone, so that families from elsewhere fall to one side by themselves. The page
`opened.yaml` is that list and a log; whoever looks at a figure of another family writes it there.
"""

from pathlib import Path

from advisor.lab.openings import PAGE, SALT, SHARE, is_opened, read_page, write_page
from results.lab.families import NAMES

HERE = Path(__file__).parent


def main() -> None:
    """Write the list of families by the rule; what the log says stays."""
    page = read_page(HERE)
    page["rule"] = f"sha256('{SALT}' NUL name)[:8] / 2**64 < {SHARE}"
    page["opened"] = sorted(name for name in NAMES if is_opened(name))
    page["unopened"] = sorted(name for name in NAMES if not is_opened(name))
    write_page(HERE, page)
    print(f"{PAGE}: {len(page['opened'])} opened, {len(page['unopened'])} unopened")


if __name__ == "__main__":
    main()
