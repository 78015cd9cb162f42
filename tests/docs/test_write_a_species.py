"""The files of `docs/write-a-species.md` are written, installed and used as the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "write-a-species.md").read_text()
FILES = re.findall(r"^`([\w/.]+)`\n```\w+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = re.findall(r"^\$ (mesosweep .*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages, made by pip from the page's files."""
    place = tmp_path_factory.mktemp("species")
    for name, text in FILES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    packages = [place / "pendulum", place / "reed"]
    subprocess.run([*pip, "--no-index", "--target", place / "site", *packages], check=True)
    return place / "site"


def mesosweep(site: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "mesosweep", *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_has_two_packages_and_five_commands() -> None:
    assert {name.split("/")[0] for name, _ in FILES} == {"pendulum", "reed"}
    assert len(COMMANDS) == 5


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_works(site: Path, tmp_path: Path, command: str) -> None:
    done = mesosweep(site, tmp_path, *command.split()[1:])

    # 3: so few steps pass no gate, which the page's reader will see too.
    assert done.returncode in ((0, 3) if "run-all" in command else (0,)), done.stderr


def test_installed_species_are_listed(site: Path, tmp_path: Path) -> None:
    listed = mesosweep(site, tmp_path, "plugins").stdout

    assert "pendulum" in listed
    assert "Stands in the wind." in listed


def test_a_species_whose_import_raises_leaves_the_others_working(
    site: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    info = broken / "mesosweep_dodo-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mesosweep-dodo\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[mesosweep.species]\ndodo = mesosweep_dodo:SPECIES\n")
    (broken / "mesosweep_dodo.py").write_text("raise RuntimeError('extinct')")
    both = Path(f"{site}{os.pathsep}{broken}")

    listed = mesosweep(both, tmp_path, "plugins")
    others = mesosweep(both, tmp_path, "stages", "list", "pendulum")
    asked = mesosweep(both, tmp_path, "stages", "list", "dodo")

    assert "extinct" in listed.stdout
    assert "pendulum" in listed.stdout
    assert others.returncode == 0
    assert asked.returncode == 2
    assert "Traceback" not in asked.stderr
