"""Another trial is made the winner of a finished stage: what run-all does with it."""

from __future__ import annotations

import pytest

from mesosweep.domain import events as e
from mesosweep.domain.state import SweepState
from mesosweep.domain.winner import Winner
from mesosweep.engine import run
from mesosweep.stores import state_json
from mesosweep.testing.backend import FakeBackend, FakeService
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge, a_plan, a_stage
from mesosweep.testing.store import MemoryStore

KEY = "sweep_state_counting_count"


class World:
    """A sweep of three stages that was walked to its end."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.service = FakeService(clock=self.clock)
        self.store = MemoryStore()
        self.judge = FakeJudge()
        self.walk()

    def walk(self, *, trials: int = 3) -> list[e.Event]:
        return list(
            run(
                a_plan(*(a_stage(number, trials=trials) for number in (1, 2, 3))),
                backend=FakeBackend(self.service),
                store=self.store,
                judge=self.judge,
                clock=self.clock,
            )
        )

    @property
    def state(self) -> SweepState:
        loaded = self.store.load(KEY)
        assert loaded is not None
        return loaded[0]

    def promote(self, stage: int, trial_id: str) -> SweepState:
        loaded = self.store.load(KEY)
        assert loaded is not None
        state, version = loaded
        trial = next(t for t in state.stage(stage).trials if t.trial_id == trial_id)
        assert trial.checkpoint is not None
        assert trial.panel is not None
        winner = Winner(trial, trial.panel.mean_reward, trial.checkpoint, gate_passed=trial.passed)
        promoted = state.after(e.WinnerPromoted(stage, winner))
        self.store.save(KEY, promoted, replacing=version)
        return promoted


@pytest.fixture
def world() -> World:
    return World()


def test_the_stages_after_it_are_stale_and_it_is_yet_to_be_verified(world: World) -> None:
    assert world.state.stale == ()

    state = world.promote(1, "1")

    assert state.stale == (2, 3)
    assert state.stage(1).status == "verifying"
    assert state.stage(1).verified is None
    assert state.finished_at is None


def test_run_all_keeps_to_it_and_searches_later_stages_again_as_a_new_attempt(
    world: World,
) -> None:
    before = world.state
    promoted = world.promote(1, "1").stage(1)
    assert promoted.winner is not None
    assert promoted.winner != before.stage(1).winner

    world.walk()

    state = world.state
    assert state.stale == ()
    assert state.stage(1).winner == promoted.winner
    assert state.stage(1).trials == before.stage(1).trials
    assert state.stage(1).verified is not None
    assert [stage.attempt for stage in state.stages] == [0, 1, 1]
    assert all(stage.status == "finished" for stage in state.stages)
    assert state.stage(2).parent == promoted.winner.checkpoint.uri


def test_walked_once_more_nothing_happens(world: World) -> None:
    world.promote(1, "1")
    world.walk()
    paid = list(world.service.submitted)

    events = world.walk()

    assert world.service.submitted == paid
    assert [event.stage for event in events if isinstance(event, e.StageSkipped)] == [1, 2, 3]


def test_more_trials_make_the_choice_open_again(world: World) -> None:
    world.promote(1, "1")

    world.walk(trials=4)

    stage = world.state.stage(1)
    assert not stage.promoted
    assert stage.winner is not None
    assert stage.winner.trial.trial_id != "1"


def test_a_promotion_of_the_last_stage_makes_nothing_stale(world: World) -> None:
    assert world.promote(3, "1").stale == ()


def test_the_saved_state_tells_it_and_one_of_before_there_was_promotion_still_loads(
    world: World,
) -> None:
    state = world.promote(2, "1")

    text = state_json.written(state)
    old = text.replace(', "promoted": true', "").replace(', "promoted": false', "")

    assert state_json.read(text) == state
    assert "promoted" not in old
    assert not state_json.read(old).stage(2).promoted
