"""What holds the house together: light starts, floors, and nothing undocumented."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "mujoco",
    "stable_baselines3",
    "grpc",
    "requests",
    "optuna",
    "matplotlib",
    "numpy",
)
"""Not `google`: some of its packages put that name, empty, into every start of Python."""
LIGHT = {
    "--help": ["--help"],
    "--version": ["--version"],
    "help of a command": ["run-all", "--help"],
    "plugins": ["plugins"],
    "status": ["status"],
    "plan --no-check": ["plan", "--species", "velociraptor", "--no-check"],
    "a wrong word": ["run-all", "--species", "velocirapter"],
    "stages": ["stages", "list", "velociraptor"],
    "collect-results": ["collect-results", "."],
}
_SCRIPT = """
import sys
from mesosweep.cli import main
try:
    main(sys.argv[1:])
finally:
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def loaded_by(words: list[str], where: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *words],
        capture_output=True,
        text=True,
        cwd=where,
        check=False,
    )
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("LOADED")]
    return set(line.split()[1:])


@pytest.mark.parametrize("which", LIGHT)
def test_a_light_command_loads_nothing_that_trains(which: str, tmp_path: Path) -> None:
    assert loaded_by(LIGHT[which], tmp_path).isdisjoint(HEAVY)


def test_help_loads_no_pydantic_either(tmp_path: Path) -> None:
    # Typer brings it in by itself as soon as it reads an option's value.
    assert "pydantic" not in loaded_by(LIGHT["--help"], tmp_path)


def test_a_trial_whose_learner_needs_no_torch_loads_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "plugins" / "mesosweep-counting"))
    monkeypatch.setenv("CLOUD_ML_TRIAL_ID", "1")
    words = ["trial", "--species", "counting", "--algorithm", "count", "--output-dir", "trials"]

    loaded = loaded_by([*words, "--timesteps", "20", "--eval-freq", "10"], tmp_path)

    assert (tmp_path / "trials" / "1" / "metrics.json").exists()
    assert loaded.isdisjoint({"torch", "stable_baselines3"})


def test_each_floor_rests_on_the_ones_below_it() -> None:
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("import-linter is not installed: pip install --group layers")

    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_no_species_is_named_in_the_source_outside_examples() -> None:
    """Species are plugins: what decides must not know one. Help texts may give an example."""
    decides = [
        path
        for floor in ("domain", "engine", "settings", "stores", "records", "backends", "envs")
        for path in (ROOT / "src" / "mesosweep" / floor).rglob("*.py")
    ]

    assert decides
    for path in decides:
        code = "\n".join(
            line
            for line in path.read_text().splitlines()
            if not line.lstrip().startswith(("#", '"'))
        )
        for species in ('== "velociraptor', "== 'velociraptor", "import mesosweep_"):
            assert species not in code, f"{path} knows a species"
