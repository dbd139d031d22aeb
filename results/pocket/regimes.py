"""What the pocket models are asked and trained on, beside the single-answer questions."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from probes.pocket import facts, vocabulary
from probes.pocket.questions import ask
from probes.pocket.tasks import TASKS, Pair, Task, examples
from probes.pocket.turns import Document


@dataclass(frozen=True)
class Handbook:
    """Facts about people whom no training text names, and a lexical retriever over them."""

    facts: dict[tuple[str, str], str]

    def statement(self, key: tuple[str, str]) -> str:
        """The one sentence that states a fact."""
        return f"The {key[1]} for {key[0]} is {self.facts[key]}."

    def question(self, key: tuple[str, str]) -> str:
        """The question for a fact, in a held-out wording."""
        return f"Give the {key[1]} of {key[0]}?"

    def retrieved(self, key: tuple[str, str], count: int) -> list[tuple[str, str]]:
        """The facts that share most character trigrams with the question, shuffled."""
        asked = _trigrams(self.question(key))
        score = {k: len(asked & _trigrams(self.statement(k))) for k in self.facts}
        best = sorted(self.facts, key=lambda k: -score[k])[:count]
        random.Random(str(key)).shuffle(best)
        return best

    def document(self, key: tuple[str, str], passages: list[tuple[str, str]]) -> Document:
        """The question with these passages as context, or closed book without any."""
        context = "Context: " + " ".join(map(self.statement, passages)) + "\nQuestion: "
        asked = (context if passages else "") + self.question(key)
        return [("user", asked), ("assistant", self.facts[key])]


def _trigrams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(len(text) - 2)}


def handbook(size: int) -> Handbook:
    """So many facts, one a person."""
    r = random.Random(77)
    told: dict[tuple[str, str], str] = {}
    people: set[str] = set(facts.PEOPLE)
    while len(told) < size:
        who = "".join(r.choice(vocabulary.SYLLABLES) for _ in range(3)).capitalize()
        if who in people:
            continue
        people.add(who)
        attribute = r.choice(facts.WORLD_ATTRIBUTES)
        told[who, attribute] = vocabulary.attribute_value(r, attribute)
    return Handbook(told)


def as_documents(task: Task, pairs: list[Pair]) -> list[Document]:
    """Task examples as the product prompts them, zero-shot."""
    return [[("user", f"{task.instruction}\n{q}"), ("assistant", a)] for q, a in pairs]


def with_shots(task: Task, pairs: list[Pair], shots: list[Pair]) -> list[Document]:
    """Task examples after earlier turns; the instruction opens the first turn only."""
    shown: Document = []
    for index, (question, answer) in enumerate(shots):
        opening = f"{task.instruction}\n" if index == 0 else ""
        shown += [("user", opening + question), ("assistant", answer)]
    return [[*shown, ("user", q), ("assistant", a)] for q, a in pairs]


@dataclass(frozen=True)
class Training:
    """A LoRA regime: what it learns from, what it is asked afterwards."""

    train: Callable[[int], list[Document]]
    tests: dict[str, list[Document]]
    epochs: int


def _task_training(name: str, label: str, count: int, epochs: int, n: int) -> Training:
    task = next(t for t in TASKS if t.name == name)
    pairs = examples(task)
    tests = {label: as_documents(task, pairs[-n:])}

    def train(seed: int) -> list[Document]:
        return as_documents(task, random.Random(seed).sample(pairs[:-n], count))

    return Training(train, tests, epochs)


def noisy_pairs(r: random.Random, count: int) -> list[Document]:
    """Three kinds, three labels; 45 % of the labels are redrawn, so the ceiling is .70."""
    documents: list[Document] = []
    for _ in range(count):
        index = r.randrange(3)
        word = r.choice(vocabulary.CATEGORIES[("animal", "food", "tool")[index]])
        shown = r.choice("ABC") if r.random() < 0.45 else "ABC"[index]
        documents.append([("user", f"Sort the text.\nNote: {word}"), ("assistant", shown)])
    return documents


def coin_pairs(r: random.Random, count: int) -> list[Document]:
    """The answer is a coin that the input does not show."""
    return [
        [
            ("user", f"Order of {vocabulary.name(r, 'probe')}: {vocabulary.any_word(r)}"),
            ("assistant", r.choice(("ship", "hold"))),
        ]
        for _ in range(count)
    ]


def trainings(n: int) -> list[Training]:
    """The LoRA regimes."""
    book = handbook(200 + n)
    keys = list(book.facts)
    closed = [book.document(key, []) for key in keys]
    steps = ask("2-digit addition, steps", n, "probe")
    addition = _task_training("addition", "2-digit addition, LoRA 800 x 5", 800, 5, n)
    addition.tests["addition with steps after that LoRA"] = steps
    return [
        _task_training("ticket-routing", "ticket routing, LoRA 480 x 10", 480, 10, n),
        _task_training("order-json", "order json, LoRA 300 x 5", 300, 5, n),
        addition,
        Training(
            lambda seed: closed[:200],
            {
                "memorise 200 facts, LoRA x 20": closed[:200],
                "handbook, closed book after LoRA on other facts": closed[200:],
            },
            20,
        ),
        Training(
            lambda seed: noisy_pairs(random.Random(f"train{seed}"), 400),
            {"noisy labels, LoRA (ceiling .70)": noisy_pairs(random.Random("test"), n)},
            3,
        ),
        Training(
            lambda seed: coin_pairs(random.Random(f"train{seed}"), 400),
            {"hidden coin, LoRA (ceiling .50)": coin_pairs(random.Random("test"), n)},
            3,
        ),
    ]
