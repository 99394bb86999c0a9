"""Write docs/commands.md from the commands themselves: `python -m tests.docs.commands`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from broadcaster.cli.station import cli as station

from broadcaster.cli.main import cli as centre

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """# Commands

As `--help` prints them. Errors say what, where and what next; docs/settings.md lists the exit codes.
"""


def list_commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """List a command and all below it with the words that call them."""
    yield " ".join(words), command
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from list_commands(command.commands[name], (*words, name))


def list_all() -> Iterator[tuple[str, click.Command]]:
    """List every command of both programs."""
    yield from list_commands(centre, ("broadcaster",))
    yield from list_commands(station, ("broadcaster-station",))


def render_page() -> str:
    """Render the page."""
    parts = [HEAD]
    for words, command in list_all():
        context = click.Context(command, info_name=words, max_content_width=100, terminal_width=100)
        parts.append(f"## {words}\n\n```\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
