"""The command line as a user meets it: words in; exit code, output and errors out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mesosweep.cli.app import run
from mesosweep.cli.faults import guarded
from mesosweep.domain.trial import Trial
from mesosweep.records.bundle import open_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import read_trial
from mesosweep.records.stage_config import read_stage_config
from mesosweep.testing.command import Mesosweep, Said

COUNTING = Path(__file__).parents[1] / "plugins" / "mesosweep-counting"
"""A species and an algorithm that only count, as an installed distribution."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder to work in, with the counting plugin installed and no cache."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(COUNTING), inherited])))
    monkeypatch.syspath_prepend(str(COUNTING))
    # pytest-xdist tells its workers a width, which is a wish of the user's.
    for name in [n for n in os.environ if n.startswith("MESOSWEEP_") or n == "COLUMNS"]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def mesosweep(here: Path, capfd: pytest.CaptureFixture[str]) -> Mesosweep:
    """Return `mesosweep(*words)`, run in this process."""

    def command(*words: str) -> Said:
        capfd.readouterr()
        code = guarded(lambda: run(list(words)))
        told = capfd.readouterr()
        return Said(code, told.out, told.err)

    return command


@pytest.fixture(scope="session")
def checked() -> Callable[..., list[Trial]]:
    """Return `checked(root, steps=…)`: every trial of a sweep, its files looked through.

    The sweep must have judged on panels of 4 episodes. It may have run here or in a cloud.
    """

    def look_through(root: Path, *, steps: int) -> list[Trial]:
        folders = [path for path in sorted(root.glob("stage*/*")) if path.is_dir()]
        return [_looked_through(TrialFolder(path), steps) for path in folders]

    return look_through


def _looked_through(folder: TrialFolder, steps: int) -> Trial:
    trial = read_trial(folder.metrics)
    assert isinstance(trial, Trial), folder.path
    assert trial.status == "finished"
    assert trial.steps_asked == trial.steps_trained == steps
    assert trial.panel is not None
    assert trial.panel.episodes == 4
    told = json.loads(folder.metrics.read_text())
    config = read_stage_config(folder.stage_config)
    assert (config.stage, config.run["trial_id"]) == (told["stage"], folder.path.name)
    for policy in (folder.best, folder.final(told["stage"])):
        bundle = open_bundle(policy)  # every part, by its hash
        assert bundle.meta["stage"] == told["stage"]
    assert open_bundle(folder.final(told["stage"])).step == steps
    reached = [json.loads(line)["step"] for line in folder.progress.read_text().splitlines()]
    assert reached == sorted(reached)
    assert reached[-1] == steps
    assert not folder.checkpoints.exists()
    return trial
