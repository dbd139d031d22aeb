"""`advisor schema`: the published contracts."""

from __future__ import annotations

import json
from importlib import import_module

import click

CONTRACTS = {
    "spec": "probes.task:TaskSpec",
    "event": "probes.records:Event",
    "report": "advisor.records:Report",
    "audit": "probes.audit.records:Audit",
    "advice": "advisor.first_advice:FirstAdvice",
    "fit": "advisor.fit:Fit",
}


@click.command()
@click.argument("contract", type=click.Choice(list(CONTRACTS)))
def schema(contract: str) -> None:
    """Print the JSON Schema of a spec, a report, an audit, first advice, a fit or an event."""
    module, name = CONTRACTS[contract].split(":")
    record = getattr(import_module(module), name)
    click.echo(json.dumps(record.model_json_schema(), indent=2))
