"""What is found out about a plan before its first trial."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mesosweep.domain.errors import SettingsError, StoreError
from mesosweep.domain.plan import SweepPlan
from mesosweep.plugins import Registry
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_sweep
from mesosweep.worker.check import CheckFailed, checked

COUNTING = Path(__file__).parents[1] / "plugins" / "mesosweep-counting"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(COUNTING), inherited])))
    monkeypatch.syspath_prepend(str(COUNTING))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def plan(**flags: object) -> SweepPlan:
    said = Flags(**{"species": "counting", "algorithm": "count", **flags})  # type: ignore[arg-type]  # a test names real fields
    return plan_sweep(said, registry=Registry(), environ={})


def test_every_stage_is_built_and_measured() -> None:
    found = checked(plan())

    assert [stage.stage for stage in found] == [stage.number for stage in plan().stages]
    for stage in found:
        # Both ends of the one parameter, and the species' own configuration.
        assert stage.corners == 3
        assert stage.steps_per_s > 0
        assert stage.playing_steps_per_s > 0


def test_the_same_plan_is_not_checked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    first = checked(plan())
    monkeypatch.setattr(subprocess, "run", _no_process)

    assert checked(plan()) == first
    with pytest.raises(AssertionError, match="a process was started"):
        checked(plan(timesteps=77))


def test_a_refusal_is_not_kept(tmp_path: Path) -> None:
    space = '{"count_fault": {"type": "categorical", "values": ["none", "nonsense"]}}'

    for _ in range(2):
        with pytest.raises(SettingsError, match="count_fault=nonsense cannot be built"):
            checked(plan(search_space=space))
    assert not list(tmp_path.glob("cache/mesosweep/*.json"))


def test_a_start_that_is_no_checkpoint_is_an_error_of_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = {"message": "a.zip: holds a policy of ppo, not of sac.", "hint": None, "exit_code": 5}
    told = [sys.executable, "-c", f"print({json.dumps(json.dumps({'error': error}))})"]
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _, **more: real(told, **more))

    with pytest.raises(StoreError, match="not of sac"):
        checked(plan())


def test_a_process_that_dies_is_told_by_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    dying = [sys.executable, "-c", "raise SystemExit('out of memory')"]
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _, **more: real(dying, **more))

    with pytest.raises(CheckFailed, match="out of memory") as refused:
        checked(plan())

    assert refused.value.hint is not None
    assert "--no-check" in refused.value.hint


def test_a_damaged_cache_only_costs_time(tmp_path: Path) -> None:
    first = checked(plan())
    (kept,) = tmp_path.glob("cache/mesosweep/*.json")
    kept.write_text('{"stages": [{"stage": 1')

    again = checked(plan())

    assert [stage.corners for stage in again] == [stage.corners for stage in first]


def _no_process(*_: object, **__: object) -> None:
    raise AssertionError("a process was started")
