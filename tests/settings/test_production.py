"""The plan of a production run: every stage once, nothing searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mesosweep.domain.errors import SettingsError
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import trial_arguments
from mesosweep.plugins import Registry
from mesosweep.settings.flags import Flags
from mesosweep.settings.production import plan_production

COUNTING = Path(__file__).parents[1] / "plugins" / "mesosweep-counting"


@pytest.fixture(autouse=True)
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(COUNTING))


def planned(*, passes: int = 3, seed: int | None = None, **said: Any) -> SweepPlan:
    flags = Flags(species="counting", algorithm="count", **said)
    return plan_production(flags, registry=Registry(), environ={}, passes=passes, seed=seed)


def test_each_stage_is_one_trial_without_anything_to_choose() -> None:
    plan = planned(timesteps=1_000_000)

    assert [stage.trials for stage in plan.stages] == [1, 1, 1]
    assert all(not stage.space and stage.enqueued == ({},) for stage in plan.stages)
    assert [stage.warm_starts for stage in plan.stages] == [False, True, True]
    assert plan.root == "train/counting/count/seed42"


def test_a_missed_gate_stops_it_unless_somebody_says_otherwise() -> None:
    assert planned(timesteps=1_000_000).on_gate_fail == "stop"
    assert planned(timesteps=1_000_000, on_gate_fail="best").on_gate_fail == "best"


def test_it_looks_fifty_times_and_as_often_as_it_is_told() -> None:
    usual = planned(timesteps=5_000_000).stages[0].settings
    told = planned(timesteps=5_000_000, eval_freq=10, eval_episodes=4).stages[0].settings

    assert (usual.eval_freq, usual.eval_episodes) == (100_000, 20)
    assert (told.eval_freq, told.eval_episodes) == (10, 4)


def test_seeds_and_passes_tell_runs_apart() -> None:
    plans = [
        planned(timesteps=1_000_000),
        planned(timesteps=1_000_000, seed=43),
        planned(timesteps=1_000_000, passes=2),
    ]

    assert len({plan.fingerprint for plan in plans}) == 3
    assert plans[1].root.endswith("seed43")


def test_what_a_stage_is_asked_reaches_its_trial() -> None:
    plan = planned(timesteps=1_000_000, passes=2, handoff="final")

    study = plan.study(plan.stages[0], attempt=0, load=None, fixed={})

    assert {"--passes=2", "--handoff=final"} <= set(trial_arguments(study, {}))


def test_more_passes_than_evaluations_cannot_be() -> None:
    with pytest.raises(SettingsError, match="give 2 evaluations; --passes 3"):
        planned(timesteps=20, eval_freq=10)

    assert planned(timesteps=20, eval_freq=10, passes=2).stages


def test_a_success_gate_that_no_number_of_successes_passes_is_refused() -> None:
    gate = ("curriculum.gate.min_success_rate=0.5",)

    with pytest.raises(SettingsError, match="eval_episodes 4: even with every one"):
        planned(timesteps=1_000_000, eval_episodes=4, overrides=gate)
    with pytest.raises(SettingsError, match="panel_episodes 3: even with every one"):
        planned(timesteps=1_000_000, panel_episodes=3, overrides=gate)

    # Nobody asks for evaluations that pass, so their number does not matter.
    assert planned(passes=0, timesteps=1_000_000, eval_episodes=4, overrides=gate).stages


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"overrides": ("count.gian=1",)}, "unknown key"),
        ({"load": "none.zip"}, "no such file"),
        ({"output_dir": "gs://bucket"}, "folder of this machine"),
    ],
)
def test_what_cannot_be_is_said(said: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        planned(timesteps=1_000_000, **said)
