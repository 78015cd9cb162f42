"""A study on Vertex AI that takes two jobs, each of which numbers its trials from 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")

from mesosweep.domain import events as e
from mesosweep.domain.errors import RepeatedFailure
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.state import StageState
from mesosweep.engine import run
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge
from mesosweep.testing.store import KEY, MemoryStore

WANTED = 6


@pytest.fixture
def one_stage(plan: SweepPlan) -> SweepPlan:
    return replace(plan, stages=(replace(plan.stages[0], trials=WANTED),), sweep_key=KEY)


class Supervisors:
    """One after the other they work on a sweep; what they told is kept."""

    def __init__(self, plan: SweepPlan, open_backend: Callable[[], Any], clock: FakeClock) -> None:
        self.store, self.judge = MemoryStore(), FakeJudge()
        self.told: list[e.Event] = []
        self._plan, self._open, self._clock = plan, open_backend, clock

    def walk(self) -> None:
        self.told.extend(
            run(
                self._plan,
                backend=self._open(),
                store=self.store,
                judge=self.judge,
                clock=self._clock,
            )
        )

    @property
    def stage(self) -> StageState:
        return self.store.states[KEY][0].stage(1)


def failing_from_2_to_4() -> Callable[[Mapping[str, str]], float | None]:
    """The first trial finishes, and the next three fail, which is what a job may cost."""
    begun: list[Mapping[str, str]] = []

    def reward(words: Mapping[str, str]) -> float | None:
        begun.append(words)
        return None if 2 <= len(begun) <= 4 else 100.0 - len(begun)

    return reward


def test_what_a_failed_job_finished_counts_beside_the_trials_of_the_next(
    cloud: Any, open_vertex: Callable[..., Any], one_stage: SweepPlan, clock: FakeClock
) -> None:
    cloud.reward = failing_from_2_to_4()
    supervisors = Supervisors(one_stage, lambda: open_vertex(cloud), clock)

    with pytest.raises(RepeatedFailure, match="told to fail"):
        supervisors.walk()
    supervisors.walk()

    stage = supervisors.stage
    finished = [trial.identity for trial in stage.trials if trial.status == "finished"]
    assert finished == [(0, "1"), *((1, str(number)) for number in range(1, WANTED))]
    assert stage.winner is not None
    assert stage.winner.trial.identity == (0, "1")
    told = [x.trial.identity for x in supervisors.told if isinstance(x, e.TrialFinished)]
    assert sorted(told) == finished
    assert len(stage.ended) == WANTED
