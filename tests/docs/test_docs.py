"""What the documentation says is true: commands, settings, exit codes, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from broadcaster.core import errors
from broadcaster.core.errors import BroadcasterError
from broadcaster.timetable import forms
from tests.docs.commands import PAGE, list_all, render_page

ROOT = Path(__file__).parents[2]
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
COMMANDS = {words for words, _ in list_all()}


def list_fields() -> Iterator[str]:
    for form in vars(forms).values():
        if isinstance(form, type) and issubclass(form, BaseModel):
            yield from (field.alias or name for name, field in form.model_fields.items())


def test_commands_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run: python -m tests.docs.commands"


@pytest.mark.parametrize("field", sorted(set(list_fields())))
def test_every_setting_is_documented(field: str) -> None:
    assert f"`{field}`" in SETTINGS


def test_every_setting_of_the_box_is_documented() -> None:
    text = (ROOT / "broadcaster" / "station" / "settings.py").read_text(encoding="utf-8")
    for field in ("station", "centre_key", "inbox", "outbox", "library", "player", "output", "volume", "quiet_hours",
                  "reserve_mb", "fallback"):  # fmt: skip
        assert f'"{field}"' in text
        assert f"`{field}`" in SETTINGS


def test_every_exit_code_is_documented_and_given_once() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, BroadcasterError)]
    codes = [c.exit_code for c in classes]
    assert len(codes) == len(set(codes))
    table = SETTINGS[SETTINGS.index("## Exit codes") :]
    for code in codes:
        tens = f"{code // 10 * 10}–{code // 10 * 10 + 9}"
        assert re.search(rf"\b{code}\b", table) or (code % 10 == 0 and tens in table), code


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_links_in_the_documents_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for line in re.findall(r"`(broadcaster(?:-station)? [a-z][^`]*)`", text):
        words = shlex.split(line)
        known = [" ".join(words[:n]) for n in range(len(words), 0, -1) if " ".join(words[:n]) in COMMANDS]
        assert known, line
        assert known[0] not in ("broadcaster", "broadcaster-station"), line
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / target).exists(), target
    for target in re.findall(r"`make ([a-z]+)`", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target


def test_readme_has_demo_first_and_test_second() -> None:
    blocks = re.findall(r"```\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks[:2] == ["make demo", "make test"]
