"""Docs are complete, their links lead somewhere, and what is generated is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINKS = [
    (page, link)
    for page in PAGES
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    if "://" not in link
]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: str(value).split("/")[-1])
def test_every_relative_link_leads_to_a_file(page: Path, link: str) -> None:
    assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_the_reference_of_plugins_events_and_errors_is_up_to_date() -> None:
    script = ROOT / "tests" / "docs" / "reference.py"

    page = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True
    ).stdout

    kept = (ROOT / "docs" / "reference" / "events-and-errors.md").read_text()
    assert page == kept, "run: python tests/docs/reference.py > docs/reference/events-and-errors.md"


def test_what_is_checked_is_what_the_readme_says() -> None:
    printer = ROOT / ".ci" / "readme_command.py"
    readme = (ROOT / "README.md").read_text()

    for name in ("demo", "tests"):
        command = subprocess.run(
            [sys.executable, str(printer), name], capture_output=True, text=True, check=True
        ).stdout
        assert command.strip() in readme
        assert f"readme_command.py {name}" in (ROOT / ".ci" / "run").read_text()


def test_every_decision_says_why_and_what_was_given_up() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        text = page.read_text()
        assert re.match(rf"# {int(page.name[:4])}\. ", text)
        for part in ("**Context.**", "**Choice.**", "**What we gave up.**"):
            assert part in text, f"{page.name} lacks {part}"
