"""`advisor doctor`: what this machine has, as read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from probes.hardware.records import Readings

NAME_COLUMNS = 14
"""Width of the names on the left."""


@click.command()
@click.option(
    "--gpu", help="Show the readings as if the machine had this card: rtx-4090, A100 80GB."
)
@click.option("--json", "as_json", is_flag=True, help="Print the readings as JSON.")
def doctor(gpu: str | None, as_json: bool) -> None:
    """Show what this machine has, and which ladders could be loaded. Paste it into a bug report."""
    from advisor.hardware_text import hardware_lines
    from probes.hardware.reading import read_hardware, with_gpu
    from probes.sinks import one_line

    readings = read_hardware()
    if gpu is not None:
        from knowledge.machine_names import machine_named

        readings = with_gpu(readings, machine_named(gpu))
    told = _told(readings)
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    machine, packages, ladders = told["machine"], told["packages"], told["ladders"]
    lines = [
        ("advisor", told["advisor"]),
        *hardware_lines(readings),
        ("device", f"{machine['device']}, what a probe would run on"),
        ("hub", "within reach" if machine["hub"] else "out of reach"),
        ("packages", ", ".join(f"{name} {version}" for name, version in packages.items())),
        *(("ladder", f"{n}: {'can be loaded' if ladders[n] else 'out of reach'}") for n in ladders),
    ]
    for what, reading in lines:
        click.echo(f"{what:{NAME_COLUMNS}} {one_line(reading, None)}")


def _told(readings: Readings) -> dict[str, Any]:
    """What `--json` prints."""
    from advisor import __version__
    from knowledge.records import Machine
    from probes.hardware.reading import known_as
    from probes.machine import package_versions, this_machine

    machine = this_machine()
    return {
        "advisor": __version__,
        "machine": machine.model_dump(),
        "readings": readings.model_dump(),
        "known_as": [
            each.model_dump(mode="json") if isinstance(each, Machine) else {"unknown": each}
            for each in map(known_as, readings.gpus)
        ],
        "packages": package_versions(),
        "ladders": _ladders(machine.hub),
    }


def _ladders(hub: bool) -> dict[str, bool]:
    """Which ladders could be loaded, by their smallest model."""
    from knowledge.load import ladders, model_cards, unpinned
    from probes.models.package import gguf_file
    from probes.pocket import weights_folder

    usable = {}
    for name, ladder in ladders().items():
        card = model_cards()[ladder.models[0]]
        usable[name] = {
            "hub": hub and not unpinned(ladder),
            "gguf-package": card.source == "gguf-package" and gguf_file(card.location) is not None,
            "pocket": card.source == "pocket" and weights_folder(card.location).is_dir(),
        }[card.source]
    return usable
