"""Small plans and an obliging judge, for tests of what walks a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesosweep.domain.events import Verified
from mesosweep.domain.plan import StagePlan, SweepPlan
from mesosweep.domain.score import Gate, Score
from mesosweep.domain.space import Categorical, Double, SearchSpace
from mesosweep.domain.study import Study, TrialSettings
from mesosweep.domain.trial import Trial


def a_stage(number: int, *, trials: int = 3, gate: Gate | None = None) -> StagePlan:
    """Return one stage of `a_plan`; the first one also searches a network."""
    space = {"count_gain": Double(0.0, 1.0)}
    if number == 1:
        space |= {"count_net_arch": Categorical(("small", "large"))}  # type: ignore[dict-item]
    return StagePlan(
        number=number,
        name=("balance", "locomotion", "strike")[number - 1],
        space=SearchSpace(space),
        trials=trials,
        parallel=2,
        settings=TrialSettings(timesteps=100, n_envs=1, eval_freq=25, save_freq=20),
        gate=gate or Gate(),
        warm_starts=number > 1,
    )


def a_plan(
    *stages: StagePlan, comparables: Mapping[str, Any] | None = None, **others: Any
) -> SweepPlan:
    """Return a plan of three stages, or of those given; keyword arguments set its fields."""
    return SweepPlan(
        **{
            "species": "counting",
            "algorithm": "count",
            "backend": "fake",
            "root": "sweeps/counting/count",
            "sweep_key": "sweep_state_counting_count",
            "stages": stages or tuple(a_stage(number) for number in (1, 2, 3)),
            "comparables": comparables or {"seed": 42, "stage1": {"timesteps": 100}},
            "carried": frozenset({"count_net_arch"}),
            **others,
        }
    )


@dataclass
class FakeJudge:
    """Believes every panel; remembers whom it judged."""

    judged: list[tuple[str, str]] = field(default_factory=list)
    """(study key, trial id) of each winner, in order."""

    def __call__(self, study: Study, winner: Trial, default: Trial | None) -> Verified:
        self.judged.append((study.key, winner.trial_id))
        nothing = Score(30, 0.0, 1.0, mean_length=10.0, full_length_rate=0.0)
        assert winner.panel is not None
        return Verified(
            winner=winner.panel,
            zero=nothing,
            random=nothing,
            untrained=nothing,
            default=default.panel if default else None,
        )
