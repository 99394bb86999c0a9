"""A written notice becomes speech: espeak-ng, or the program that the centre names. Nothing of it needs the network."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from broadcaster.core.errors import InputError, MasteringError, ToolMissingError

WAV_PLACE = "{wav}"
DEFAULT_COMMAND = ("espeak-ng", "-v", "vi", "-s", "140", "--stdin", "-w", WAV_PLACE)
LONGEST_CHARACTERS = 8000
SPEAK_TIMEOUT_S = 300.0
_HEADER_BYTES = 44


def write_speech(text: str, path: Path, command: Sequence[str] = ()) -> None:
    """Speak a text into a sound file.

    Args:
        text: What is to be said; between 1 and 8000 characters.
        path: The WAV file to write.
        command: A program and its arguments: it reads UTF-8 text from its standard input and writes sound where
            `{wav}` stands. Vietnamese espeak-ng when empty.

    Raises:
        InputError: Nothing to say, or too much.
        ToolMissingError: The program is not on this machine.
        MasteringError: It failed, hung, or left no sound.
    """
    if not text.strip():
        raise InputError("there is no text to speak")
    if len(text) > LONGEST_CHARACTERS:
        raise InputError(f"the text has {len(text)} characters, more than {LONGEST_CHARACTERS}", hint="shorten it")
    program, *arguments = command or DEFAULT_COMMAND
    if shutil.which(program) is None:
        hint = "correct speech_command in schedules/centre.yaml" if command else "apt install espeak-ng"
        raise ToolMissingError(f"{program} is not on this machine: text cannot become speech", hint=hint)
    words = [program, *(str(path) if argument == WAV_PLACE else argument for argument in arguments)]
    try:
        done = subprocess.run(words, input=text.encode(), capture_output=True, timeout=SPEAK_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise MasteringError(f"{program} did not end within {SPEAK_TIMEOUT_S:.0f} s") from error
    except OSError as error:
        raise MasteringError(f"{program} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise MasteringError(f"{program} failed with {done.returncode}: {said[-1] if said else 'it said nothing'}")
    if not path.exists() or path.stat().st_size <= _HEADER_BYTES:
        raise MasteringError(f"{program} left no sound", hint=f"its arguments must have {WAV_PLACE} for the file")
