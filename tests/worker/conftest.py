"""The counting plugin on the path, a trial of it to ask for, and the document of its study."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mesosweep import __version__
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.records.study_file import StudyFile, study_file
from mesosweep.testing.trials import a_request
from mesosweep.worker.request import TrialRequest

PLUGIN = Path(__file__).parents[1] / "plugins" / "mesosweep-counting"


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(PLUGIN), inherited])))
    monkeypatch.syspath_prepend(str(PLUGIN))


@pytest.fixture
def request_(tmp_path: Path) -> TrialRequest:
    return a_request(tmp_path)


@pytest.fixture
def study(plan: SweepPlan) -> Study:
    """Return the first stage's study of the sweep that a test module plans."""
    return plan.study(plan.stages[0], attempt=0, load=None, fixed={})


@pytest.fixture
def file(study: Study, plan: SweepPlan) -> StudyFile:
    return study_file(study, plan, core=__version__, attempt=0)
