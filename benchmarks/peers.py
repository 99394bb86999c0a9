"""The programme that mastering is compared on, and the tools that a station would pick instead."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.ours import CEILING_DBTP

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "audio"))
make_samples = importlib.import_module("make_samples")

PEERS = ("floor", "ffmpeg-normalize", "loudnorm", "pydub")
FORM = ("-ar", "44100", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k")
FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")
PYDUB = (
    "import sys, warnings; warnings.simplefilter('ignore'); from pydub import AudioSegment, effects; "
    "effects.normalize(AudioSegment.from_file(sys.argv[1]), 1.0).export(sys.argv[2], format='mp3', bitrate='128k')"
)
VOICES = (("vi", 170, 50, -6), ("vi-vn-x-central", 150, 35, -9), ("vi-vn-x-south", 185, 62, -4))  # pace, pitch, dB


def make_programme(folder: Path, minutes: float) -> Path:
    """Make a programme of speech in three voices and music between them, an MP3 as recorders write them.

    The texts are those of the sample recordings, read by espeak-ng; the music is their ident. What is longer than the
    three readings begins again.
    """
    ident, one, programme = folder / "ident.wav", folder / "one.wav", folder / "programme.mp3"
    make_samples.write_wav(ident, make_samples.make_ident())
    text = " ".join((make_samples.GREETING, make_samples.DIGITAL, make_samples.FARMING, *make_samples.TALK))
    inputs: list[str] = []
    graph = ""
    for number, (voice, pace, pitch, level_db) in enumerate(VOICES):
        speech = folder / f"{voice}.wav"
        subprocess.run(
            ["espeak-ng", "-v", voice, "-s", str(pace), "-p", str(pitch), "-w", str(speech), text], check=True
        )
        inputs += ["-i", str(speech), "-i", str(ident)]
        graph += f"[{2 * number}:a]aresample=44100,pan=stereo|c0=c0|c1=0.8*c0,volume={level_db}dB[s{number}];"
        graph += f"[{2 * number + 1}:a]aloop=6:2e9,volume=-3dB[m{number}];"
    joined = "".join(f"[s{number}][m{number}]" for number in range(len(VOICES)))
    graph += f"{joined}concat=n={2 * len(VOICES)}:v=0:a=1[c]"
    subprocess.run([*FFMPEG, *inputs, "-filter_complex", graph, "-map", "[c]", str(one)], check=True)
    whole = ["-stream_loop", "-1", "-i", str(one), "-t", str(minutes * 60), *FORM, str(programme)]
    subprocess.run([*FFMPEG, *whole], check=True)
    os.utime(programme, (1_600_000_000, 1_600_000_000))
    return programme


def read_version(program: str = "ffmpeg") -> str:
    """Read which ffmpeg a program is."""
    words = subprocess.run([program, "-version"], capture_output=True, text=True, check=True).stdout
    return words.split()[2]


def measure(*source: str) -> tuple[float, float]:
    """Measure a file, named as on ffmpeg's command line, by its meter: loudness (LUFS) and true peak (dBTP)."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", *source, "-af", "ebur128=peak=true", "-f", "null", "-"]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return float(re.findall(r"I:\s+(\S+) LUFS", words)[-1]), float(re.findall(r"Peak:\s+(\S+) dBFS", words)[-1])


def find_normalizer() -> str:
    """Install ffmpeg-normalize beside the benchmark."""
    home = HERE / ".venv"
    program = home / "bin" / "ffmpeg-normalize"
    if not program.exists():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "ffmpeg-normalize"], check=True)
    return str(program)


def plan_command(peer: str, source: Path, made: Path, target_lufs: float) -> list[str]:
    """Give the command line of a tool; `floor` decodes and encodes and does nothing else."""
    if peer == "ours":
        return [sys.executable, "-m", "benchmarks.ours", str(source), str(made), str(target_lufs)]
    if peer == "pydub":
        return [sys.executable, "-c", PYDUB, str(source), str(made)]
    if peer == "ffmpeg-normalize":
        goal = ["-t", str(target_lufs), "-tp", str(CEILING_DBTP), "-ar", "44100", "-c:a", "libmp3lame", "-b:a", "128k"]
        return [find_normalizer(), str(source), *goal, "-f", "-o", str(made)]
    loud = ["-af", f"loudnorm=I={target_lufs}:TP={CEILING_DBTP}"] if peer == "loudnorm" else []
    return [*FFMPEG, "-i", str(source), *loud, *FORM, str(made)]
