"""The command line: a static map of commands, each loaded when it is called."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import click

from advisor import __version__
from knowledge.errors import UserError

COMMANDS: dict[str, tuple[str, str]] = {
    "advise": ("advisor.commands.advise:advise", "Say in a moment what to start with, from what is published; run nothing."),
    "probe": ("advisor.commands.probe:probe", "Measure on your data and recommend; resumes by itself."),
    "plan": ("advisor.commands.plan:plan", "Show what `probe` would run, and its price; run nothing."),
    "report": ("advisor.commands.report:report", "Make a run's report again, or show it."),
    "audit": ("advisor.commands.audit:audit", "Show what is wrong with the data and what it costs; run no model."),
    "fit": ("advisor.commands.fit:fit", "Say what fits a card, how long it takes and what it costs."),
    "retrieval": ("advisor.commands.retrieval:retrieval", "Show how well documents can be searched, before any question."),
    "knowledge": ("advisor.commands.knowledge:knowledge", "Read, search and audit what the advisor believes before any probe."),
    "doctor": ("advisor.commands.doctor:doctor", "Show what this machine has and what could be loaded."),
    "lab": ("advisor.commands.lab:lab", "Replay policies on task families with known truth; take in families of others."),
    "schema": ("advisor.commands.schema:schema", "Print the JSON Schema of a spec, a report, an audit, first advice, a fit or an event."),
}  # fmt: skip
"""Name -> (module:function, one line of help): what `--help` shows without importing any of them."""

EPILOG = """\b
Exit codes: 0 an option meets the target; 1 nothing here is enough; 2 input
or machine at fault (one line on stderr); 3 no model in reach; 4 not enough
evidence; 130 interrupted (start the same command again to go on)."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the map."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module, function = COMMANDS[cmd_name][0].split(":")
        command = getattr(import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their one line of help, from the map alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    no_args_is_help=True,
)
@click.option(
    "--task",
    "-t",
    type=click.Path(path_type=Path),
    help="Plan, probe and read the verdict of this spec on a live screen.",
)
@click.version_option(__version__, prog_name="advisor")
@click.pass_context
def cli(ctx: click.Context, task: Path | None) -> int:
    """Prompt, retrieve, fine-tune or a larger model? Measured on your data, not guessed."""
    if ctx.invoked_subcommand is not None:
        if task is not None:
            name = ctx.invoked_subcommand
            raise click.UsageError(f"--task comes after the command: `advisor {name} --task ...`")
        return 0
    if task is None:
        raise click.exceptions.NoArgsIsHelpError(ctx)
    from advisor.wizard.app import open_screen

    return open_screen(task)


def main() -> None:
    """Entry point: runs a command and turns what users can mend into one line and exit code 2."""
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        code = _fail(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 2
    except click.UsageError as error:
        code = _fail(f"error[E-USAGE]: {error.format_message()}; see `advisor --help`", 2)
    except click.ClickException as error:
        code = _fail(f"error[E-USAGE]: {error.format_message()}", 2)
    except (KeyboardInterrupt, click.Abort):
        code = _fail("interrupted; start the same command again to go on", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    click.echo(message.replace("\n", " "), err=True)
    return code


if __name__ == "__main__":
    main()
