"""Wrong answers sorted: of what kind they are, what they go with, which labels are confused."""

from probes.mistakes.clusters import Cluster, Confusion, Shown, clusters, confusions, guess_labels
from probes.mistakes.kinds import Kind, kind_of
from probes.mistakes.references import Suspect, suspect_references
from probes.mistakes.texts import words
from probes.mistakes.topics import Topic, fisher_greater, topics

__all__ = [
    "Cluster",
    "Confusion",
    "Kind",
    "Shown",
    "Suspect",
    "Topic",
    "clusters",
    "confusions",
    "fisher_greater",
    "guess_labels",
    "kind_of",
    "suspect_references",
    "topics",
    "words",
]
