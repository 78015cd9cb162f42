"""A bucket that does not answer is waited for as the service is, told in a line, and costs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mesosweep.domain import events as e
from mesosweep.domain.errors import StoreConflict, StoreUnreachable
from mesosweep.domain.events import Verified
from mesosweep.domain.state import SweepState
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial
from mesosweep.engine import run
from mesosweep.engine.retry import Retry
from mesosweep.testing.backend import FakeBackend, FakeService
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge, a_plan
from mesosweep.testing.store import MemoryStore

KEY = "sweep_state_counting_count"
GONE = "gs://b/_sweep_state.json: Cloud Storage did not answer (503)."


@dataclass
class Weather:
    """How many of the next calls find nobody."""

    bad: int = 0

    def blow(self) -> None:
        if self.bad:
            self.bad -= 1
            raise StoreUnreachable(GONE)


class DistantStore(MemoryStore):
    def __init__(self, weather: Weather) -> None:
        super().__init__()
        self.weather = weather

    def save(self, sweep_key: str, state: SweepState, *, replacing: str | None) -> str:
        self.weather.blow()
        return super().save(sweep_key, state, replacing=replacing)

    def load(self, sweep_key: str) -> tuple[SweepState, str] | None:
        self.weather.blow()
        return super().load(sweep_key)


@dataclass
class DistantJudge(FakeJudge):
    """Reads what it judges from a bucket."""

    weather: Weather = field(default_factory=Weather)

    def __call__(self, study: Study, winner: Trial, default: Trial | None) -> Verified:
        self.weather.blow()
        return super().__call__(study, winner, default)


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.service = FakeService(clock=self.clock)
        self.of_store, self.of_judge = Weather(), Weather()
        self.store = DistantStore(self.of_store)
        self.judge = DistantJudge(weather=self.of_judge)
        self.told: list[e.Event] = []

    def walk(self, *, bad_after: int | None = None, bad: int = 0) -> None:
        """Walk a plan; after so many events so many saves find nobody."""
        walking = run(
            a_plan(),
            backend=FakeBackend(self.service),
            store=self.store,
            judge=self.judge,
            clock=self.clock,
        )
        for event in walking:
            self.told.append(event)
            if len(self.told) == bad_after:
                self.of_store.bad = bad

    def stages(self) -> list[int]:
        return [event.stage for event in self.told if isinstance(event, e.RetryScheduled)]

    def waits(self) -> list[float]:
        return [event.wait_s for event in self.told if isinstance(event, e.RetryScheduled)]


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("bad_after", range(1, 30))
def test_a_save_that_finds_nobody_is_made_again_whenever_that_is(
    world: World, bad_after: int
) -> None:
    world.walk(bad_after=bad_after, bad=3)

    assert isinstance(world.told[-1], e.SweepFinished)
    assert world.waits() in ([60.0, 180.0, 300.0], [])
    assert world.store.states[KEY][0] == world.told[-1].state


def test_the_wait_is_told_before_it_is_waited_and_the_fact_after_it_is_saved(world: World) -> None:
    world.walk(bad_after=2, bad=1)

    (place,) = (n for n, event in enumerate(world.told) if isinstance(event, e.RetryScheduled))
    wait = world.told[place]
    assert isinstance(wait, e.RetryScheduled)
    assert (wait.stage, wait.reason) == (1, GONE)
    assert isinstance(world.told[place + 1], e.StudySubmitted)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_the_wait_is_told_of_the_stage_that_waits(world: World, stage: int) -> None:
    begins = World()
    begins.walk()
    place = next(
        number
        for number, event in enumerate(begins.told)
        if isinstance(event, e.StudySubmitting) and event.study.stage == stage
    )

    world.walk(bad_after=place, bad=1)

    assert world.stages() == [stage]


def test_a_store_that_stays_away_ends_the_run_with_what_to_do_and_the_state_stands(
    world: World,
) -> None:
    with pytest.raises(StoreUnreachable, match=r"did not answer \(503\) \(tried 4 times\)") as lost:
        world.walk(bad_after=6, bad=4)

    assert lost.value.exit_code == 5
    assert "Run the same command" in (lost.value.hint or "")
    assert world.waits() == [60.0, 180.0, 300.0]
    world.walk()
    assert isinstance(world.told[-1], e.SweepFinished)
    assert len(world.service.jobs) == 3


def test_a_judge_that_finds_no_checkpoint_now_is_asked_again(world: World) -> None:
    world.of_judge.bad = 2

    world.walk()

    assert isinstance(world.told[-1], e.SweepFinished)
    assert world.waits() == [60.0, 180.0]
    assert len(world.judge.judged) == 3


def test_a_judge_who_never_gets_it_leaves_the_winner_to_be_judged_later(world: World) -> None:
    world.of_judge.bad = 4

    with pytest.raises(StoreUnreachable, match="tried 4 times"):
        world.walk()

    assert world.store.states[KEY][0].stage(1).status == "verifying"
    world.walk()
    assert isinstance(world.told[-1], e.SweepFinished)


def test_whether_there_is_a_state_is_not_guessed(world: World) -> None:
    world.of_store.bad = 1

    with pytest.raises(StoreUnreachable):
        world.walk()

    assert world.told == []
    assert world.service.jobs == {}


def test_somebody_elses_save_is_not_waited_for(world: World) -> None:
    walking = run(
        a_plan(),
        backend=FakeBackend(world.service),
        store=world.store,
        judge=world.judge,
        clock=world.clock,
        retry=Retry(),
    )
    next(walking)
    world.store.states[KEY] = (world.store.states[KEY][0], "theirs")

    with pytest.raises(StoreConflict):
        list(walking)

    assert world.clock.slept == []
