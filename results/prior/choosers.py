"""Ways to choose an option of a task, and how often each is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from results.prior.tasks import ORDER, Task

TARGETS = (0.5, 0.6, 0.7, 0.8, 0.9)
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the best chance, that is enough to choose something cheaper."""
Chooser = Callable[[Task, float], str]


def by_prior(share: float) -> Chooser:
    """The cheapest option whose chance is that share of the best one's."""

    def choose(task: Task, target: float) -> str:
        chances = {name: task.beliefs[name].p_at_least(target) for name in ORDER}
        best = max(chances.values())
        return next(name for name in ORDER if chances[name] >= share * best)

    return choose


def by_share_of_others(found: Sequence[Task]) -> Chooser:
    """The prior with the share that chose best on all other tasks."""

    def exact(share: float, left_out: Task) -> int:
        return judged([task for task in found if task is not left_out], by_prior(share))[1]

    best = {task.name: max(SHARES, key=lambda share: exact(share, task)) for task in found}
    return lambda task, target: by_prior(best[task.name])(task, target)


def by_flowchart(task: Task, target: float) -> str:
    """The documents' rules: too few examples, prompt the largest; otherwise tune, at 7B where
    logic or domain knowledge is asked for and small where it is a classification."""
    if task.n_rows < 1000:
        return "zero @ GPT-4"
    return "lora @ 2.5B" if task.kind in ("labels", "extraction") else "lora @ 7B"


def fixed(name: str) -> Chooser:
    """Always the same option."""
    return lambda task, target: name


def judged(found: Sequence[Task], choose: Chooser) -> tuple[int, int, int, int, float]:
    """Questions; exactly right, enough but dearer, not enough; mean shortfall in points."""
    exact = dearer = short = n = 0
    shortfall = 0.0
    for task in found:
        for target in TARGETS:
            enough = [name for name in ORDER if task.reached[name] >= target]
            if not enough:
                continue
            n += 1
            chosen = choose(task, target)
            exact += chosen == enough[0]
            dearer += chosen in enough[1:]
            short += chosen not in enough
            shortfall += max(0.0, target - task.reached[chosen])
    return n, exact, dearer, short, 100 * shortfall / n
