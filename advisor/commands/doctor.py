"""`advisor doctor`: what this machine has, as read."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the readings as JSON.")
def doctor(as_json: bool) -> None:
    """Show what this machine has, and which ladders could be loaded. Paste it into a bug report."""
    from advisor import __version__
    from knowledge.load import ladders, model_cards, unpinned
    from probes.machine import package_versions, this_machine
    from probes.models.package import gguf_file
    from probes.pocket import weights_folder

    machine = this_machine()
    usable = {}
    for name, ladder in ladders().items():
        card = model_cards()[ladder.models[0]]
        usable[name] = {
            "hub": machine.hub and not unpinned(ladder),
            "gguf-package": card.source == "gguf-package" and gguf_file(card.location) is not None,
            "pocket": card.source == "pocket" and weights_folder(card.location).is_dir(),
        }[card.source]
    readings = {
        "advisor": __version__,
        "machine": machine.model_dump(),
        "packages": package_versions(),
        "ladders": usable,
    }
    if as_json:
        click.echo(json.dumps(readings, indent=2))
        return
    for key, value in machine.model_dump().items():
        click.echo(f"{key:14} {value}")
    click.echo(f"{'packages':14} {', '.join(f'{k} {v}' for k, v in package_versions().items())}")
    for name, can in usable.items():
        click.echo(f"{'ladder':14} {name}: {'can be loaded' if can else 'out of reach'}")
