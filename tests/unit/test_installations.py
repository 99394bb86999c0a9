"""What each installation can do: the box with the base package alone, the centre with its extra."""

from __future__ import annotations

import subprocess
import sys

BASE = ("broadcaster", "click", "cryptography", "_cffi_backend", "cffi", "tzdata")
GUARD = f"""
import sys

class Guard:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        known = top in sys.stdlib_module_names or top in {BASE!r}
        if not known and not top.startswith(("__editable__", "_sysconfigdata")):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Guard())
"""


def run(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", GUARD + code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_station_needs_the_base_package_alone() -> None:
    done = run("from broadcaster.cli.station import run; run()", "--help")
    assert done.returncode == 0, done.stderr
    assert "check" in done.stdout


def test_centres_command_on_a_box_says_what_to_install() -> None:
    done = run("from broadcaster.cli.main import run; run()", "status")
    assert done.returncode == 25, done.stderr
    assert "needs the package" in done.stderr
    assert "pip install 'broadcaster[centre]'" in done.stderr
