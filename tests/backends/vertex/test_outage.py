"""A sweep in the cloud while its bucket is away: told, waited for, and nothing lost or paid twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")
pytest.importorskip("google.cloud.storage")

from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.domain.errors import BackendError, StoreError, StoreUnreachable
from mesosweep.domain.events import Event, RetryScheduled, SweepFinished, Verified
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial
from mesosweep.engine import run
from mesosweep.ports import Judge
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageScript
from mesosweep.stores.gcs import GcsStore
from mesosweep.stores.gcs_address import Address
from mesosweep.stores.gcs_bucket import Bucket as GcsBucket
from mesosweep.testing.bucket import ROOT, Mount
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge


class Weather(FakeClock):
    """A clock by which the bucket goes away and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.storage: LocalStorage | None = None
        self.away_from_s = self.away_until_s = float("inf")

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.look()

    def look(self) -> None:
        """Let the bucket be as it is now."""
        since_s = (self.now() - self.start).total_seconds()
        is_away = self.away_from_s <= since_s < self.away_until_s
        if self.storage is not None:
            self.storage.play(StorageScript(unreachable=is_away))


@pytest.fixture
def clock() -> Weather:
    return Weather()


@pytest.fixture(autouse=True)
def _under_the_weather(storage: LocalStorage, clock: Weather) -> None:
    clock.storage = storage


@pytest.fixture
def mount(storage: LocalStorage) -> Mount:
    return Mount(storage.root)


class ReadingJudge(FakeJudge):
    """Reads the winner's record from the bucket, as one who brings its checkpoint does."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__()
        self.bucket = bucket

    def __call__(self, study: Study, winner: Trial, default: Trial | None) -> Verified:
        folder = study.folder_of(winner.attempt)
        assert self.bucket.read(f"{folder}/{winner.trial_id}/metrics.json")
        return super().__call__(study, winner, default)


class World:
    def __init__(self, *, cloud: Any, open_vertex: Any, plan: SweepPlan, bucket: Any) -> None:
        self.cloud, self.open_vertex, self.plan, self.bucket = cloud, open_vertex, plan, bucket
        self.told: list[Event] = []

    def walk(self, clock: Weather, *, judge: Judge | None = None) -> None:
        place = Address.parse(ROOT)
        for event in run(
            self.plan,
            backend=self.open_vertex(self.cloud),
            store=GcsStore(place, bucket=GcsBucket(place.bucket, clock=clock)),
            judge=judge or ReadingJudge(self.bucket),
            clock=clock,
        ):
            self.told.append(event)

    @property
    def jobs(self) -> int:
        return len(self.cloud.jobs.service.jobs._jobs)


@pytest.fixture
def world(cloud: Any, open_vertex: Callable[..., Any], plan: SweepPlan, bucket: Bucket) -> World:
    return World(cloud=cloud, open_vertex=open_vertex, plan=plan, bucket=bucket)


@pytest.mark.parametrize("away_from_s", range(0, 300, 75))
def test_whenever_the_bucket_goes_away_for_five_minutes_the_sweep_goes_on(
    world: World, clock: Weather, away_from_s: int
) -> None:
    clock.away_from_s, clock.away_until_s = away_from_s + 0.5, away_from_s + 300.0

    world.walk(clock)

    last = world.told[-1]
    assert isinstance(last, SweepFinished)
    assert world.jobs == 3
    waits = [event for event in world.told if isinstance(event, RetryScheduled)]
    assert 1 <= len(waits) <= 3
    assert all("\n" not in wait.reason and "Cloud Storage" in wait.reason for wait in waits)


def test_a_judge_waits_for_the_bucket_in_which_the_winner_lies(
    world: World, clock: Weather
) -> None:
    class LeavingJudge(ReadingJudge):
        def __call__(self, study: Study, winner: Trial, default: Trial | None) -> Verified:
            if not self.judged and clock.away_from_s == float("inf"):
                now_s = (clock.now() - clock.start).total_seconds()
                clock.away_from_s, clock.away_until_s = now_s, now_s + 250.0
                clock.look()
            return super().__call__(study, winner, default)

    judge = LeavingJudge(world.bucket)
    world.walk(clock, judge=judge)

    waits = [event.wait_s for event in world.told if isinstance(event, RetryScheduled)]
    assert waits == [60.0, 180.0]
    assert len(judge.judged) == 3


@pytest.mark.parametrize("away_from_s", [31.0, 95.0])
def test_a_bucket_that_stays_away_ends_the_run_and_the_same_command_goes_on(
    world: World, clock: Weather, storage: LocalStorage, away_from_s: float
) -> None:
    clock.away_from_s = away_from_s
    with pytest.raises((StoreUnreachable, BackendError), match="tried 4 times") as lost:
        world.walk(clock)

    assert isinstance(lost.value, StoreError | BackendError)
    assert "ame command" in (lost.value.hint or "")
    clock.away_until_s = 0.0
    clock.look()
    world.walk(clock)

    assert isinstance(world.told[-1], SweepFinished)
    assert world.jobs == 3
    for stage in world.told[-1].state.stages:
        assert [trial.status for trial in stage.trials] == ["finished"] * 3
