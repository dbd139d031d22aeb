"""What is true of the example tasks, by trying everything: `python -m results.pocket.truth`.

Apart from the product's own methods: plain generation, plain LoRA, BM25 straight from bm25s. Each
part (task, rung, method) is written to truth.csv once it is measured, and never measured again.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from random import Random

from probes.pocket import RUNGS
from probes.pocket.tasks import TASKS, Task
from results.pocket.draws import (
    CURVE_TASKS,
    FRESH,
    SELECT,
    choose,
    fresh,
    nearest,
    scores,
    tokens_of,
    trained_on,
)
from results.pocket.scoring import (
    Loaded,
    LoraSettings,
    adapt,
    check_equal_to_greedy,
    generate,
    load,
)
from results.pocket.truth_table import (
    CLEAR,
    CURVE,
    METHODS,
    N_SELECT,
    SEEDS,
    Figure,
    N,
    markdown,
    read_figures,
    write_figures,
)

HERE = Path(__file__).parent
WEIGHTS = Path("probes/pocket/weights")
GRID = {
    "pocket-xs": ((8, 4e-3), (16, 4e-3), (16, 8e-3)),
    "pocket-s": ((8, 4e-3), (16, 4e-3), (16, 2e-3)),
    "pocket-m": ((8, 4e-3), (16, 2e-3)),
}
"""(epochs, learning rate), tried in this order until one is five points above the target, or two
are thirty below it."""
FAR = 0.3
TRIGGERS = ("Think step by step.", "Show steps.")

Measured = tuple[str, int, float, float]
"""(setting, seed, value, tokens of a request)"""


def zero_shot(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
    """The plain prompt; for labels also with all of them listed, free and constrained."""
    draw, rows = fresh(task, 0)
    documents = draw.prompts(rows)
    if task.metric != "json_fields":
        check_equal_to_greedy(loaded, documents[:20])
    yield "plain", 0, scores(loaded, task, documents), tokens_of(loaded, documents)
    if task.task_type == "classification":
        labels = sorted({row.output for row in draw.rows})
        listed = f"{task.instruction}\nAnswer with one of: {', '.join(labels)}."
        shown = draw.prompts(rows, instruction=listed)
        yield "listed", 0, scores(loaded, task, shown), tokens_of(loaded, shown)
        yield "constrained", 0, choose(loaded, documents, labels), tokens_of(loaded, documents)
        yield "listed, constrained", 0, choose(loaded, shown, labels), tokens_of(loaded, shown)


def content(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
    """Right fields of the plain prompt's JSON when repeated names are forgiven."""
    if task.metric == "json_fields":
        draw, rows = fresh(task, 0)
        documents = draw.prompts(rows)
        value = scores(loaded, task, documents, lenient=True)
        yield "plain", 0, value, tokens_of(loaded, documents)


def steps(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
    """Steps asked for behind the input; what follows the last `Answer:` counts."""
    draw, rows = fresh(task, 0)
    for trigger in TRIGGERS:
        documents = draw.prompts(rows, behind=f" {trigger}")
        texts = [written[0] for written in generate(loaded, documents)]
        finals = [text.split("Answer:")[-1].strip() for text in texts]
        hits = sum(final == row.output for final, row in zip(finals, rows, strict=True))
        asked = [[*d[:-1], ("assistant", text)] for d, text in zip(documents, texts, strict=True)]
        yield trigger, 0, hits / len(rows), tokens_of(loaded, asked)


def few_shot(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
    """Examples in the prompt, the nearest to each input or the same random ones for all."""
    for seed in range(SEEDS):
        draw, rows = fresh(task, seed)
        pool = trained_on(task, seed)[1]
        for shots in (4, 8, 16):
            if seed and shots == 16:
                continue
            near = draw.prompts(rows, shots=nearest(rows, pool, shots))
            same = draw.prompts(rows, shots=[Random(seed).sample(pool, shots)] * len(rows))
            for name, documents in (("nearest", near), ("random", same)):
                value = scores(loaded, task, documents)
                yield f"{shots} {name}", seed, value, tokens_of(loaded, documents)


def retrieved(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
    """BM25's best passages before the question."""
    draw, rows = fresh(task, 0)
    for k in (1, 3, 5) if draw.gold else ():
        documents = draw.prompts(rows, draw.search(rows, k))
        yield f"k={k}", 0, scores(loaded, task, documents), tokens_of(loaded, documents)


def oracle(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
    """The passage that answers, and whether search finds it."""
    draw, rows = fresh(task, 0)
    if draw.gold:
        documents = draw.prompts(rows, [[draw.gold[row.input]] for row in rows])
        yield "gold passage", 0, scores(loaded, task, documents), tokens_of(loaded, documents)
        for k in (1, 5):
            found = draw.search(rows, k)
            hits = sum(draw.gold[row.input] in best for row, best in zip(rows, found, strict=True))
            yield f"recall@{k}", 0, hits / len(rows), 0.0


def lora(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
    """Adapters trained on the rows alone."""
    return _tuned(rung, task, None)


def lora_rag(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
    """Adapters trained and asked with the passage that BM25 puts first."""
    return _tuned(rung, task, 1) if fresh(task, 0)[0].gold else ()


def _tuned(rung: str, task: Task, k: int | None) -> Iterable[Measured]:
    tried: list[tuple[float, int, float]] = []
    for epochs, rate in GRID[rung]:
        value, _ = _trained(rung, task, 0, (epochs, rate), k, SELECT)
        tried.append((value, epochs, rate))
        top = max(tried)[0]
        if top >= task.target + CLEAR or (len(tried) > 1 and top < task.target - FAR):
            break
    _, epochs, rate = max(tried)
    for seed in range(SEEDS):
        value, tokens = _trained(rung, task, seed, (epochs, rate), k, FRESH)
        yield f"{epochs} epochs at {rate:g}", seed, value, tokens


def _trained(
    rung: str, task: Task, seed: int, setting: tuple[int, float], k: int | None, base: int
) -> tuple[float, float]:
    adapted = _adapter(rung, task, seed, setting, k, 1.0)
    draw, rows = fresh(task, seed, base, N if base == FRESH else N_SELECT)
    documents = draw.prompts(rows, draw.search(rows, k) if k else None)
    return scores(adapted, task, documents), tokens_of(adapted, documents)


@cache
def _adapter(
    rung: str, task: Task, seed: int, setting: tuple[int, float], k: int | None, times: float
) -> Loaded:
    draw, rows = trained_on(task, seed, times)
    documents = draw.prompts(rows, draw.search(rows, k) if k else None)
    epochs, rate = setting
    settings = LoraSettings(epochs=epochs, learning_rate=rate)
    return adapt(WEIGHTS / rung, documents, settings, seed)[0]


def curve(times: float) -> Callable[[Loaded, str, Task], Iterable[Measured]]:
    """Adapters of the middle rung, trained on fewer or more rows with as many passes."""

    def points(loaded: Loaded, rung: str, task: Task) -> Iterable[Measured]:
        if task.name not in CURVE_TASKS or rung != RUNGS[1]:
            return
        setting = (16, 4e-3)
        for seed in range(SEEDS):
            adapted = _adapter(rung, task, seed, setting, None, times)
            draw, rows = fresh(task, seed)
            documents = draw.prompts(rows)
            value = scores(adapted, task, documents)
            yield f"{setting[0]} epochs at {setting[1]:g}", seed, value, 0.0

    return points


HOW: dict[str, Callable[[Loaded, str, Task], Iterable[Measured]]] = {
    "zero-shot": zero_shot,
    "content": content,
    "steps": steps,
    "few-shot": few_shot,
    "retrieved": retrieved,
    "oracle": oracle,
    "lora": lora,
    "lora-rag": lora_rag,
    **{name: curve(times) for name, times in CURVE.items()},
}


def measure(loaded: Loaded, rung: str, method: str, task: Task) -> list[Figure]:
    """One part, with the CPU seconds of all of it on each of its figures."""
    started = time.process_time()
    found = list(HOW[method](loaded, rung, task))
    cpu_s = time.process_time() - started
    return [
        Figure(task.name, rung, method, setting, seed, value, N, tokens, cpu_s)
        for setting, seed, value, tokens in found
    ]


def main() -> None:
    """Measure the named parts that are not there yet, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rungs", nargs="*", default=list(RUNGS), choices=RUNGS)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=METHODS)
    parser.add_argument("--tasks", nargs="*", default=[task.name for task in TASKS])
    parser.add_argument("--out", type=Path, default=HERE)
    arguments = parser.parse_args()
    table = arguments.out / "truth.csv"
    for rung in arguments.rungs:
        loaded = load(WEIGHTS / rung)
        for task in TASKS:
            if task.name not in arguments.tasks:
                continue
            for method in arguments.methods:
                figures = read_figures(table)
                if any(figure[:3] == (task.name, rung, method) for figure in figures):
                    continue
                new = measure(loaded, rung, method, task)
                if new:
                    write_figures(table, [*figures, *new])
                    top = max(figure.value for figure in new)
                    print(rung, task.name, method, top, round(new[0].cpu_s, 1), flush=True)
            _adapter.cache_clear()
    (arguments.out / "truth.md").write_text(markdown(read_figures(table)))


if __name__ == "__main__":
    main()
