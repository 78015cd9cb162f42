"""`benchmarks/cloud_kill.py`: a few of its runs, and that it would notice what it looks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.backends.vertex import claiming
from mesosweep.domain.trial import Trial
from mesosweep.engine import follow
from mesosweep.rehearsal.faults import CallFault, FaultScript

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cloud_kill.py"


@pytest.fixture
def cloud_kill(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("cloud_kill")


@pytest.mark.slow
def test_nothing_is_lost_or_paid_twice(
    cloud_kill: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cloud_kill.main(["--short", "--runs", "6", "--seed", "3"])

    assert code == 0, capsys.readouterr().out


def test_a_second_job_is_noticed(cloud_kill: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "SETTLE_S", 0.0)
    lost = CallFault("CreateHyperparameterTuningJob", lost_reply=True, call=1)
    script = FaultScript(calls=(lost,), late_listing_s=1_000.0)

    told = cloud_kill.lived(cloud_kill.Doom(script=script))

    assert any("a second job while the first was at work" in wrong for wrong in told.wrong)


def test_a_lost_trial_is_noticed(cloud_kill: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = follow.news

    def forgetful(known: object, snapshot: object) -> object:
        def is_kept(trial: Trial) -> bool:
            return trial.trial_id != "2"

        return whole(known, replace(snapshot, trials=tuple(filter(is_kept, snapshot.trials))))  # type: ignore[arg-type,attr-defined,type-var]

    monkeypatch.setattr(follow, "news", forgetful)

    told = cloud_kill.lived(cloud_kill.Doom())

    assert "finished, and not in the state: (1, 0, '2')" in told.wrong
