"""The truth as a table: settings as one figure each, what is cheapest enough, what binds."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from probes.pocket import RUNGS
from probes.pocket.tasks import TASKS, Task
from results.pocket.statistics import wilson

N, N_SELECT, SEEDS = 300, 100, 3
"""Fresh rows that every figure is of, rows that settings are selected on, draws of the data."""
CURVE = {"lora, half the rows": 0.5, "lora, 4 times the rows": 4.0}
METHODS = (
    *("zero-shot", "content", "steps", "few-shot", "retrieved", "oracle", "lora", "lora-rag"),
    *CURVE,
)
USED = (
    "word-labels",
    "ticket-routing",
    "few-tickets",
    "addition",
    "handbook",
    "coded-handbook",
)
"""Tasks that were looked at while the advisor's thresholds were set; the others are held out."""
CLEAR = 0.05


class Figure(NamedTuple):
    """One measurement: a setting of a method on a rung, with one seed."""

    task: str
    rung: str
    method: str
    setting: str
    seed: int
    value: float
    n: int
    tokens: float
    cpu_s: float


# ---------------------------------------------------------------- verdicts

PARAMETERS = {"pocket-xs": 108_048, "pocket-s": 345_120, "pocket-m": 1_018_496}
SERVED = ("zero-shot", "steps", "few-shot", "retrieved", "lora", "lora-rag")
BINDS = {
    "zero-shot": "solved-by-prompting",
    "few-shot": "solved-by-prompting",
    "steps": "steps-help",
    "retrieved": "knowledge-limited",
    "lora": "tuning-helps",
    "lora-rag": "knowledge-limited, tuning-helps",
}
INTENDED = {
    "ticket-routing": "tuning-helps",
    "few-tickets": "data-limited",
    "word-labels": "solved-by-prompting",
    "noisy-labels": "label-noise",
    "addition": "steps-help",
    "long-addition": "capacity-limited",
    "who-is-first": "tuning-helps",
    "order-json": "form-limited",
    "order-item": "tuning-helps",
    "disputed-items": "label-noise",
    "popular-facts": "solved-by-prompting",
    "frequent-facts": "tuning-helps",
    "handbook": "knowledge-limited",
    "buried-answers": "retrieval-limited",
    "coded-handbook": "knowledge-limited, tuning-helps",
}


class Result(NamedTuple):
    """A setting of a method on a rung: the mean over its seeds."""

    task: str
    rung: str
    method: str
    setting: str
    value: float
    low: float
    high: float
    n: int
    seeds: tuple[float, ...]
    price: float
    """Parameters times tokens of a request, in millions."""

    def shown(self) -> str:
        """`.99 [.97, 1.00]`, with the extremes of the seeds where there are several."""
        interval = f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"
        spread = f" ({min(self.seeds):.2f}-{max(self.seeds):.2f})" if len(self.seeds) > 1 else ""
        return interval + spread


def results(figures: Sequence[Figure]) -> list[Result]:
    """The figures of each setting as one."""
    groups: dict[tuple[str, str, str, str], list[Figure]] = {}
    for figure in figures:
        groups.setdefault(figure[:4], []).append(figure)
    found = []
    for key, group in groups.items():
        values = tuple(figure.value for figure in group)
        mean, n = sum(values) / len(values), group[0].n
        low, high = wilson(round(mean * n), n)
        price = PARAMETERS[key[1]] * group[0].tokens / 1e6
        found.append(Result(*key, mean, low, high, n, values, price))
    return found


def best(found: Iterable[Result]) -> Result | None:
    """The result of highest value."""
    return max(found, key=lambda result: result.value, default=None)


def cheapest(found: Sequence[Result], target: float) -> Result | None:
    """The cheapest option that reaches the target."""
    enough = [each for each in found if each.method in SERVED and each.value >= target]
    return min(enough, key=lambda each: (each.price, each.method.startswith("lora")), default=None)


def ceiling(found: Sequence[Result], target: float) -> str:
    """What binds, by the figures alone, in the words of the advisor's findings."""
    chosen = cheapest(found, target)
    if chosen is not None:
        lenient = best(r for r in found if r.method == "content" and r.rung == chosen.rung)
        form = chosen.method == "lora" and lenient is not None and lenient.value >= target
        binds = "form-limited" if form else BINDS[chosen.method]
        return binds + ", capacity-limited" * (chosen.rung != RUNGS[0])
    top = {method: best(r for r in found if r.method == method) for method in METHODS}
    gold, search, tuned = top["oracle"], top["retrieved"], top["lora"]
    more = top["lora, 4 times the rows"]
    if gold is not None and search is not None and gold.value >= target > search.value:
        return "retrieval-limited"
    if more is not None and more.value >= target:
        return "data-limited"
    sizes = [best(r for r in found if r.method == "lora" and r.rung == rung) for rung in RUNGS[-2:]]
    values = [each.value for each in sizes if each is not None]
    if more is not None and tuned is not None and more.value - tuned.value < CLEAR:
        return "label-noise" if max(values) - min(values) < CLEAR else "task-ceiling"
    return "task-ceiling"


# ---------------------------------------------------------------- table


def markdown(figures: Sequence[Figure]) -> str:
    """The page: one line a task, then the figures behind it."""
    found = results(figures)
    lines = [
        "# What is true of the example tasks",
        "",
        f"Written by `python -m results.pocket.truth`. Greedy answers to {N} fresh rows of the",
        "same generator, never among those trained on. Square brackets: 95 % Wilson interval of",
        f"the mean over seeds; round ones: the extremes of {SEEDS} seeds, each with training rows",
        "and an order of its own (16 shots: one seed). Of several settings the best is shown, for",
        "prompts chosen on these rows (so a point or two too high), for LoRA on",
        f"{N_SELECT} others. BM25 takes 1, 3 or 5 passages; LoRA on retrieval takes 1.",
        "",
        "Price: parameters times tokens of a request (prompt and answer), in millions: what",
        "serving costs in proportion. Training is paid once and left out; at equal price the",
        "untrained option comes first. The cheapest option is that of least price whose figure",
        "reaches the target; `close` marks figures within five points of it. `used`: looked at",
        "while the advisor's thresholds were set; the other tasks are a check on held-out ones.",
        "`-`: not measured. Few-shot at pocket-m is left out where something cheaper reaches the",
        "target: at its price it could not be the cheapest.",
        "",
        "| task | type | target | meant to show | what binds | cheapest enough | price | used |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for task in TASKS:
        mine = [each for each in found if each.task == task.name]
        if mine:
            lines.append(_verdict_line(task, mine))
    lines += ["", "## Figures", ""]
    for task in TASKS:
        mine = [each for each in found if each.task == task.name]
        if mine:
            lines += _figure_lines(task, mine)
    return "\n".join(lines) + "\n"


def _verdict_line(task: Task, found: Sequence[Result]) -> str:
    chosen = cheapest(found, task.target)
    name, price = "nothing", "-"
    if chosen is not None:
        close = ", close" * (chosen.value < task.target + CLEAR)
        name = f"{chosen.method} @ {chosen.rung} ({chosen.setting}): {chosen.value:.2f}{close}"
        price = f"{chosen.price:.1f}"
    else:
        top = best(each for each in found if each.method in SERVED)
        if top is not None:
            close = ", close" * (top.value > task.target - CLEAR)
            name = f"nothing; best {top.method} @ {top.rung}: {top.value:.2f}{close}"
    used = "yes" if task.name in USED else "no"
    intended, binds = INTENDED[task.name], ceiling(found, task.target)
    cells = [task.name, task.task_type, f"{task.target:g}", intended, binds, name, price, used]
    return f"| {' | '.join(cells)} |"


def _figure_lines(task: Task, found: Sequence[Result]) -> list[str]:
    rungs = [rung for rung in RUNGS if any(each.rung == rung for each in found)]
    lines = [f"### {task.name}", "", f"| method | {' | '.join(rungs)} |"]
    lines.append("|---|" + "---|" * len(rungs))
    for method in METHODS:
        names = [method]
        if method == "oracle":
            names = ["oracle, gold passage", "oracle, recall@1", "oracle, recall@5"]
        for name in names:
            mine = [
                each
                for each in found
                if each.method == method
                and (method != "oracle" or name.endswith(f" {each.setting}"))
            ]
            if mine:
                cells = [best(each for each in mine if each.rung == rung) for rung in rungs]
                shown = [
                    f"{c.shown()}, {c.setting}, price {c.price:.1f}" if c else "-" for c in cells
                ]
                lines.append(f"| {name} | {' | '.join(shown)} |")
    return [*lines, ""]


def read_figures(path: Path) -> list[Figure]:
    """What earlier runs have measured."""
    if not path.exists():
        return []
    kinds = list(Figure.__annotations__.values())
    with path.open() as lines:
        rows = list(csv.reader(lines))[1:]
    return [Figure(*(kind(cell) for kind, cell in zip(kinds, row, strict=True))) for row in rows]


def write_figures(path: Path, figures: Sequence[Figure]) -> None:
    """All figures, in the order of tasks, rungs and methods."""
    places = [[task.name for task in TASKS], list(RUNGS), list(METHODS)]
    ordered = sorted(
        (figure for figure in figures if figure.task in places[0]),
        key=lambda f: [place.index(key) for place, key in zip(places, f[:3], strict=True)],
    )
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(Figure._fields)
        for figure in ordered:
            rounded = figure._replace(
                value=round(figure.value, 4),
                tokens=round(figure.tokens, 1),
                cpu_s=round(figure.cpu_s, 1),
            )
            writer.writerow(rounded)
