"""The one boundary at which errors become words and exit codes."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from typing import NoReturn

import click

from broadcaster import __version__
from broadcaster.core.errors import BroadcasterError

OUR_BUG = 70
INTERRUPTED = 130


def run_command(command: click.Command, name: str) -> NoReturn:
    """Run a command and end the process.

    Exit codes: 0 done; 1 reached the end, some of it failed; 2 wrong usage; 10 to 69 the error's own; 70 a bug of
    ours, with a log that can be sent; 130 Ctrl-C.
    """
    try:
        result = command.main(prog_name=name, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("\nnot done, by your answer or Ctrl-C; nothing is half done, the command can be run again", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BroadcasterError as error:
        click.echo(f"error: {error.message}", err=True)
        if error.hint:
            click.echo(f" hint: {error.hint}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader (head, less) has had enough. What Python flushes on its way out must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception:
        path = _write_log(name)
        click.echo(f"error: this is a bug in {name}. Please send the log {path} to the maintainers.", err=True)
        sys.exit(OUR_BUG)
    sys.exit(result if isinstance(result, int) else 0)


def _write_log(name: str) -> str:
    """Write what is known of a bug into a file that its owner alone can read; no arguments, they may name people."""
    handle, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{name} {__version__}, Python {sys.version}\n\n{traceback.format_exc()}")
    return path
