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
START_S = 20.0
CHARACTERS_PER_S = 40.0
_HEADER_BYTES = 44


def write_speech(text: str, path: Path, command: Sequence[str] = ()) -> str:
    """Speak a text into a sound file.

    A better voice that fails or hangs does not silence the text: espeak-ng speaks in its place.

    Args:
        text: What is to be said; between 1 and 8000 characters.
        path: The WAV file to write.
        command: A program and its arguments: it reads UTF-8 text from its standard input and writes sound where
            `{wav}` stands. Vietnamese espeak-ng when empty.

    Returns:
        Why espeak-ng spoke in place of `command`; empty when it did not.

    Raises:
        InputError: Nothing to say, or too much.
        ToolMissingError: The program is not on this machine, nor is espeak-ng.
        MasteringError: It failed, hung, or left no sound, and espeak-ng was of no help.
    """
    if not text.strip():
        raise InputError("there is no text to speak")
    if len(text) > LONGEST_CHARACTERS:
        raise InputError(f"the text has {len(text)} characters, more than {LONGEST_CHARACTERS}", hint="shorten it")
    if not command:
        _speak(text, path, DEFAULT_COMMAND)
        return ""
    try:
        _speak(text, path, command)
    except MasteringError as error:
        path.unlink(missing_ok=True)
        try:
            _speak(text, path, DEFAULT_COMMAND)
        except MasteringError:
            raise error from None
        return error.message
    return ""


def find_voice_trouble(command: Sequence[str] = ()) -> tuple[str, str]:
    """Find what keeps the voice from speaking, before it is needed: the program or a file that it names is missing.

    Returns:
        What is wrong and what to do; both empty when nothing is.
    """
    program, *arguments = command or DEFAULT_COMMAND
    hint = "correct speech_command in schedules/centre.yaml" if command else "apt install espeak-ng"
    if shutil.which(program) is None:
        return f"{program} is not on this machine: text cannot become speech", hint
    gone = next((word for word in arguments if word.startswith("/") and not Path(word).exists()), None)
    if gone is not None:
        return f"{gone}, which {program} needs to speak, is not there", hint
    return "", ""


def _speak(text: str, path: Path, command: Sequence[str]) -> None:
    program, *arguments = command
    trouble, hint = find_voice_trouble(() if command == DEFAULT_COMMAND else command)
    if trouble:
        raise ToolMissingError(trouble, hint=hint)
    words = [program, *(str(path) if argument == WAV_PLACE else argument for argument in arguments)]
    longest_s = START_S + len(text) / CHARACTERS_PER_S
    try:
        done = subprocess.run(words, input=text.encode(), capture_output=True, timeout=longest_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise MasteringError(f"{program} did not end within {longest_s:.0f} s") from error
    except OSError as error:
        raise MasteringError(f"{program} cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise MasteringError(f"{program} failed with {done.returncode}: {said[-1] if said else 'it said nothing'}")
    if not path.exists() or path.stat().st_size <= _HEADER_BYTES:
        raise MasteringError(f"{program} left no sound", hint=f"its arguments must have {WAV_PLACE} for the file")
