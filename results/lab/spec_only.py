"""Whether the fields of a spec give a family's ceiling away: `python -m results.lab.spec_only`.

Classifiers on the fields alone, judged on families that they were not fitted to, beside the largest
class of the families that they were. They must not beat it. By default the ceilings are those that
the authors claim, which needs no table; with `--tables` they are what binds by the tables, over all
families that are measured whole. What is printed holds no figure of any one family, but a run on
unopened ones counts as opening: it needs --who and --why.
"""

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from advisor.lab.binding import binds
from advisor.lab.openings import is_opened, log_opening
from advisor.lab.replay import laboratories
from probes.lab.family import Family
from results.lab.families import NAMES, family, rows

HERE = Path(__file__).parent
CLASSIFIERS: dict[str, Any] = {
    "logistic regression": LogisticRegression(C=0.3, max_iter=2000),
    "decision tree, depth 3": DecisionTreeClassifier(max_depth=3, random_state=0),
    "nearest neighbour": KNeighborsClassifier(1),
    "3 nearest neighbours": KNeighborsClassifier(3),
}


def fields(asked: Family, *, documents: bool) -> dict[str, Any]:
    """What a spec says, as features: its fields, and the words of its instruction."""
    words = {f"word {word}": 1.0 for word in asked.instruction.lower().rstrip(".").split()}
    return words | {
        "task type": asked.task_type,
        "metric": asked.metric,
        "target": asked.target,
        "rows": asked.n_train / 100,
        "documents": float(documents),
        "words": float(len(words)),
    }


def right(
    told: Sequence[dict[str, Any]], classes: Sequence[str], classifier: Any | None
) -> list[bool]:
    """Whether each family's class is named by who has seen all others; the largest class of all
    where there is no classifier."""
    hits = []
    for at, wanted in enumerate(classes):
        others = [each for i, each in enumerate(told) if i != at]
        theirs = [each for i, each in enumerate(classes) if i != at]
        if classifier is None:
            hits.append(Counter(classes).most_common(1)[0][0] == wanted)
        else:
            fitted = make_pipeline(DictVectorizer(sparse=False), StandardScaler(), classifier)
            hits.append(bool(fitted.fit(others, theirs).predict([told[at]])[0] == wanted))
    return hits


def p_better(mine: Sequence[bool], plain: Sequence[bool]) -> float:
    """One-sided sign test (McNemar, exact) that `mine` is right more often than `plain`."""
    gained = sum(a and not b for a, b in zip(mine, plain, strict=True))
    lost = sum(b and not a for a, b in zip(mine, plain, strict=True))
    n = gained + lost
    return sum(math.comb(n, k) for k in range(gained, n + 1)) / 2**n


def report(told: Sequence[dict[str, Any]], classes: Sequence[str]) -> list[str]:
    """A line for the largest class and for each classifier."""
    plain = right(told, classes, None)
    n = len(classes)
    lines = [f"{n} families, {len(set(classes))} ceilings"]
    lines.append(f"always the largest class: {sum(plain)} right ({sum(plain) / n:.3f})")
    for name, made in CLASSIFIERS.items():
        mine = right(told, classes, made)
        lines.append(
            f"{name}: {sum(mine)} right ({sum(mine) / n:.3f}), p = {p_better(mine, plain):.2f}"
        )
    return lines


def main() -> None:
    """Print how often each classifier is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--who", default="")
    parser.add_argument("--why", default="")
    arguments = parser.parse_args()
    unopened = bool(arguments.who and arguments.why)
    if arguments.tables:
        labs = laboratories(HERE, (), unopened=unopened)
        whole = [lab for lab in labs if lab.fraction == 1]
        names = [lab.header.family.name for lab in whole]
        if unopened:
            log_opening(HERE, [n for n in names if not is_opened(n)], arguments.who, arguments.why)
        told = [
            fields(lab.header.family, documents=lab.header.situations[0].n_passages > 0)
            for lab in whole
        ]
        classes = [binds(lab).split(",")[0] for lab in whole]
    else:
        asked = [family(name) for name in NAMES]
        told = [fields(f, documents=any(row.passages for row in rows(f.name))) for f in asked]
        classes = [f.claim.split(",")[0].split(";")[0] for f in asked]
    print("\n".join(report(told, classes)))


if __name__ == "__main__":
    main()
