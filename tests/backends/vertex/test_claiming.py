"""Of several who ask for a study's job at once, one gets it, and the others are told who."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")
pytest.importorskip("google.cloud.storage")

from mesosweep.backends.vertex import claiming
from mesosweep.backends.vertex.labels import label
from mesosweep.backends.vertex.ledger import entries_of
from mesosweep.backends.vertex.recorded import Bucket
from mesosweep.domain.errors import StoreConflict, Transient
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.records.study_file import read_claim
from mesosweep.rehearsal.faults import CallFault, FaultScript
from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageFault, StorageScript
from mesosweep.stores.gcs_client import PAUSES_S
from mesosweep.testing.clock import FakeClock


@pytest.fixture(autouse=True)
def _as_slow_as_the_real_one(storage: LocalStorage) -> None:
    storage.play(StorageScript(write_interval_s=1.0))


class Gone(BaseException):
    """The process is killed here."""


@dataclass
class Calls:
    """All that a backend asks of the service and of the bucket, in order."""

    names: list[str] = field(default_factory=list)
    before: str | int | None = None
    """At the first call of this name, or at this number from 0, somebody else acts first."""
    act: Callable[[], object] = int

    def __call__(self, name: str) -> None:
        number = len(self.names)
        is_due = self.before == number or (self.before == name and name not in self.names)
        self.names.append(name)
        if is_due:
            self.act()


class Overheard:
    """Passes calls on, and tells of each before it is made."""

    def __init__(self, to: Any, tell: Calls) -> None:
        self._to, self._tell = to, tell

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._to, name)

        def told(*args: Any, **others: Any) -> Any:
            self._tell(name)
            return call(*args, **others)

        return told


def overhear(backend: Any, tell: Calls) -> Any:
    """Return the backend, all whose calls to the world are told of."""
    for holder, name in (
        *((part, "_jobs") for part in (backend, backend._asking)),
        *((part, "_bucket") for part in (backend, backend._asking, backend._claims)),
        *((part, "_bucket") for part in (backend._known, backend._ledger)),
    ):
        setattr(holder, name, Overheard(getattr(holder, name), tell))
    return backend


def submitted(backend: Any, study: Study) -> str:
    """Return the job's name, or what the operator is told instead of one."""
    try:
        return str(backend.submit(backend.prepare(study)).name)
    except StoreConflict as conflict:
        return str(conflict)


def created(cloud: Any, study: Study) -> int:
    """Return how many jobs of a study there are, those that no listing shows yet included."""
    jobs = cloud.jobs.service.jobs._jobs.values()
    return sum(job.head.labels["mesosweep_study"] == label(study.key) for job in jobs)


def test_who_comes_second_is_told_who_was_first_and_what_to_do(
    cloud: Any, open_vertex: Callable[..., Any], study: Study, bucket: Bucket
) -> None:
    first = open_vertex(cloud)
    act = partial(submitted, first, study)
    second = overhear(open_vertex(cloud), Calls(before="replace", act=act))

    with pytest.raises(StoreConflict, match="another process is asking for this job") as caught:
        second.submit(second.prepare(study))

    assert created(cloud, study) == 1
    claim = read_claim((bucket.read(f"{study.folder}/study.json") or b"").decode())
    assert claim is not None
    assert f"{claim.writer} put it there at {claim.at}" in str(caught.value)
    assert "it finds that job and follows it" in (caught.value.hint or "")
    assert second.find(study) == first.find(study)


def test_whenever_a_second_operator_begins_there_is_one_job_and_its_entry_is_kept(
    cloud: Any, open_vertex: Callable[..., Any], study: Study, plan: SweepPlan, bucket: Bucket
) -> None:
    """At every call of the first, the whole of the second's happens; listings come late.

    Only who stands still for half a minute after its last look, and then asks, cannot be told
    from who is dead: the service has no condition that would stop it.
    """
    cloud.script = FaultScript(late_listing_s=20.0)
    dry = Calls()
    submitted(overhear(open_vertex(cloud), dry), replace(study, key="dry-run"))
    moments = [place for place, name in enumerate(dry.names) if name != "create"]
    assert len(moments) > 6

    for moment in moments:
        mine = replace(study, key=f"study-{moment}", folder=f"{study.folder}_a{100 + moment}")
        told: list[str] = []
        other = open_vertex(cloud)

        def act(other: Any = other, mine: Study = mine, told: list[str] = told) -> None:
            told.append(submitted(other, mine))

        told.append(submitted(overhear(open_vertex(cloud), Calls([], moment, act)), mine))

        assert created(cloud, mine) == 1, (dry.names[moment], told)
        (name,) = {name for name in told if name.startswith("projects/")}
        entered = [e.job for e in entries_of(plan.root, bucket) if e.study == mine.key]
        assert entered == [name], dry.names[moment]


class SharedTime(FakeClock):
    """A clock for threads: it moves on when all of them sleep, to where the first one wakes.

    With any other, half a minute of one would pass in an instant of another's.
    """

    def __init__(self) -> None:
        super().__init__()
        self._running: set[int] = set()
        self._wakes: dict[int, float] = {}
        """Thread → when it wakes, in seconds from the start."""
        self._changed = threading.Condition()

    def run(self, threads: Sequence[threading.Thread]) -> None:
        """Run threads that call `leave` at their end."""
        with self._changed:
            for thread in threads:
                thread.start()
                self._running.add(thread.ident or 0)
        for thread in threads:
            thread.join()

    def leave(self) -> None:
        with self._changed:
            self._running.remove(threading.get_ident())
            self._move_on()

    def sleep(self, seconds: float) -> None:
        me = threading.get_ident()
        with self._changed:
            self._wakes[me] = sum(self.slept) + seconds
            self._move_on()
            self._changed.wait_for(lambda: me not in self._wakes)

    def _move_on(self) -> None:
        if self._wakes and self._running <= self._wakes.keys():
            first = min(self._wakes.values())
            super().sleep(first - sum(self.slept))
            self._wakes = {one: at for one, at in self._wakes.items() if at > first}
            self._changed.notify_all()


class TestOperatorsThatRace:
    @pytest.fixture
    def clock(self) -> SharedTime:
        return SharedTime()

    def test_get_one_job_between_them(
        self, cloud: Any, open_vertex: Callable[..., Any], study: Study, clock: SharedTime
    ) -> None:
        cloud.script = FaultScript(late_listing_s=20.0)
        start = threading.Barrier(5)
        told: list[str] = []

        def ask(backend: Any) -> None:
            start.wait()
            try:
                told.append(submitted(backend, study))
            finally:
                clock.leave()

        clock.run([threading.Thread(target=ask, args=(open_vertex(cloud),)) for _ in range(5)])

        assert created(cloud, study) == 1
        names = {name for name in told if name.startswith("projects/")}
        assert len(names) == 1
        assert len(told) == 5


@pytest.mark.parametrize("status", [503, None])
def test_a_claim_whose_reply_was_lost_is_known_to_be_ours(
    *,
    cloud: Any,
    open_vertex: Callable[..., Any],
    study: Study,
    storage: LocalStorage,
    clock: FakeClock,
    status: int | None,
) -> None:
    lost = StorageFault("objects.insert", "*/study.json", status, lost_reply=True, call=1)
    storage.play(StorageScript(calls=(lost,)))
    backend = open_vertex(cloud)

    backend.submit(backend.prepare(study))

    assert created(cloud, study) == 1
    assert claiming.SETTLE_S not in clock.slept


def test_a_claim_that_was_given_up_is_ours_when_it_is_tried_again(
    cloud: Any,
    open_vertex: Callable[..., Any],
    study: Study,
    storage: LocalStorage,
    clock: FakeClock,
) -> None:
    tries = len(PAUSES_S) + 1
    lost = StorageFault("objects.insert", "*/study.json", lost_reply=True, call=1, times=tries)
    storage.play(StorageScript(calls=(lost,)))
    backend = open_vertex(cloud)
    with pytest.raises(Transient):
        backend.submit(backend.prepare(study))
    clock.slept.clear()

    backend.submit(backend.prepare(study))

    assert created(cloud, study) == 1
    assert claiming.SETTLE_S not in clock.slept


def test_what_a_killed_operator_claimed_is_taken_over_once_no_listing_can_be_late(
    cloud: Any, open_vertex: Callable[..., Any], study: Study, clock: FakeClock
) -> None:
    def die() -> None:
        raise Gone

    with pytest.raises(Gone):
        submitted(overhear(open_vertex(cloud), Calls(before="create", act=die)), study)

    third = partial(submitted, open_vertex(cloud), study)
    second = overhear(open_vertex(cloud), Calls(before="replace", act=third))
    told = submitted(second, study)

    assert created(cloud, study) == 1
    assert "another process is asking for this job" in told
    assert clock.slept.count(claiming.SETTLE_S) == 2


def test_who_was_too_slow_to_ask_leaves_job_and_ledger_to_who_took_over(
    cloud: Any, open_vertex: Callable[..., Any], study: Study, plan: SweepPlan, bucket: Bucket
) -> None:
    dry = Calls()
    submitted(overhear(open_vertex(cloud), dry), replace(study, key="dry-run"))
    document, entry = (place for place, name in enumerate(dry.names) if name == "replace")

    for moment in range(document + 1, entry + 1):
        mine = replace(study, key=f"study-{moment}", folder=f"{study.folder}_a{100 + moment}")
        act = partial(submitted, open_vertex(cloud), mine)

        told = submitted(overhear(open_vertex(cloud), Calls([], moment, act)), mine)

        assert "another process is asking for this job" in told
        assert created(cloud, mine) == 1
        (entered,) = (e for e in entries_of(plan.root, bucket) if e.study == mine.key)
        assert entered.job is not None


@pytest.mark.parametrize("is_ours", [False, True], ids=["another", "ours"])
def test_a_folder_that_trials_begin_to_write_into_is_not_passed_over_for_a_second_job(
    *,
    cloud: Any,
    open_vertex: Callable[..., Any],
    study: Study,
    bucket: Bucket,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    is_ours: bool,
) -> None:
    """Its job is at work, and not listed when it should be."""
    lost = CallFault("Create*", lost_reply=True, call=1)
    cloud.script = FaultScript(calls=(lost,), late_listing_s=1_000.0)
    backend = open_vertex(cloud)
    with pytest.raises(Transient):
        backend.submit(backend.prepare(study))
    sleep = clock.sleep

    def meanwhile(seconds: float) -> None:
        sleep(seconds)
        if seconds == claiming.SETTLE_S:
            bucket.write(f"{study.folder}/1/stage_config.json", b"{}")

    monkeypatch.setattr(clock, "sleep", meanwhile)
    asks = backend if is_ours else open_vertex(cloud)

    with pytest.raises(Transient if is_ours else StoreConflict) as caught:
        asks.submit(asks.prepare(study))

    told = "their job is not listed yet" if is_ours else "another process is asking for this job"
    assert told in str(caught.value)
    assert created(cloud, study) == 1


def test_a_folder_that_another_study_takes_at_that_moment_is_left_to_it(
    cloud: Any, open_vertex: Callable[..., Any], study: Study
) -> None:
    launched = replace(study, key="a-launch-of-its-own")
    act = partial(submitted, open_vertex(cloud), launched)

    told = submitted(overhear(open_vertex(cloud), Calls(before="replace", act=act)), study)

    assert told.startswith("projects/")
    assert (created(cloud, launched), created(cloud, study)) == (1, 1)
    folders = {
        job.head.request.trial_job_spec.base_output_directory.output_uri_prefix
        for job in cloud.jobs.service.jobs._jobs.values()
    }
    assert folders == {study.folder, f"{study.folder}_a1"}
