"""Write docs/commands.md from the commands themselves: `python -m tests.docs.commands`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from broadcaster.cli.main import cli as centre
from broadcaster.cli.station import cli as station

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """# Commands

Errors say what, where and what next; docs/settings.md lists the exit codes.
"""


def list_commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """List a command and all below it with the words that call them."""
    yield " ".join(words), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from list_commands(below, (*words, name))


def list_all() -> Iterator[tuple[str, click.Command]]:
    """List every command of both programs."""
    yield from list_commands(centre, ("broadcaster",))
    yield from list_commands(station, ("broadcaster-station",))


def render_command(words: str, command: click.Command) -> str:
    """Render one command: what it does, its arguments and options."""
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option)]
    usage = " ".join([words, *(a.make_metavar(click.Context(command)) for a in arguments)])
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    rows = [
        f"| `{', '.join(one.opts)}{'' if one.is_flag else ' …'}` | {one.help or 'Show the version and exit.'} |"
        for one in options
    ]
    table = "\n".join(["| option | |", "|---|---|", *rows]) if rows else ""
    text = re.sub(r"((?:\n  [^\n]*)+)", r"\n\n```\1\n```\n", text)
    return "\n\n".join(part for part in (f"## {usage}", text, table) if part) + "\n"


def render_page() -> str:
    """Render the page."""
    return "\n".join([HEAD, *(render_command(words, command) for words, command in list_all())])


if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
