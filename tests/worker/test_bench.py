"""How a machine is measured, with processes that only pretend; and what is kept of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesosweep.domain.errors import SettingsError
from mesosweep.settings.advice import Measurement, SideBySide
from mesosweep.testing.plans import a_plan, a_stage
from mesosweep.worker.bench import Effort, Found, Subject, What, measured
from mesosweep.worker.bench_kept import remember, sides_of
from mesosweep.worker.bench_process import BenchFailed, BenchProcess, free_memory_bytes

SUBJECT = Subject("velociraptor", "ppo", 1, own_envs=16, code="c0de")
EFFORT = Effort(envs=(1, 4, 64), play_s=1.0, train_s=2.0, side_s=3.0, most_s=100.0)
MB = 10**6


@dataclass
class Machine:
    """Cores that slow each other down, in a world where only measuring takes time."""

    now: float = 0.0
    log: list[tuple[str, int, int]] = field(default_factory=list)
    """What was measured, with how many environments, by how many at a time."""
    running: int = 0
    answered: int = 0
    started: int = 0
    ready: int = 0
    open: int = 0
    each_bytes: int = 400 * MB
    core_share: float = 1.0

    def bencher(self, subject: Subject) -> PretendingBencher:
        assert subject == SUBJECT
        self.open, self.started = self.open + 1, self.started + 1
        return PretendingBencher(self)

    def clock(self) -> float:
        return self.now


@dataclass
class PretendingBencher:
    machine: Machine
    told: tuple[What, int, float] | None = None

    def get_ready(self) -> None:
        self.machine.ready += 1

    def begin(self, what: What, *, n_envs: int, seconds: float) -> None:
        assert self.machine.ready == self.machine.started, "somebody is still loading"
        self.machine.running += 1
        self.told = (what, n_envs, seconds)

    def answer(self) -> Found:
        assert self.told is not None
        what, n_envs, seconds = self.told
        count = self.machine.running
        self.machine.log.append((what, n_envs, count))
        self.machine.answered += 1
        if self.machine.answered == count:
            self.machine.now += seconds
            self.machine.running = self.machine.answered = 0
        pace = {1: 300.0, 4: 800.0, 16: 990.0, 64: 1000.0}[n_envs] * (3 if what == "play" else 1)
        beside = 1.25 if count > 1 else 1.0
        return Found(pace / beside * self.machine.core_share, pace, self.machine.each_bytes)

    def close(self) -> None:
        self.machine.open -= 1


@pytest.fixture
def machine() -> Machine:
    return Machine()


Measure = Callable[..., Measurement]


@pytest.fixture
def measure(machine: Machine) -> Measure:
    def run(
        effort: Effort = EFFORT,
        *,
        cores: int = 2,
        memory_bytes: int | None = None,
        told: Callable[[str], None] = lambda _: None,
    ) -> Measurement:
        return measured(
            SUBJECT,
            effort=effort,
            told=told,
            cores=cores,
            memory_bytes=memory_bytes,
            open_bencher=machine.bencher,
            clock=machine.clock,
        )

    return run


def test_each_number_of_environments_is_played_and_trained_by_one_process(
    measure: Measure, machine: Machine
) -> None:
    found = measure()

    assert [pace.n_envs for pace in found.paces] == [1, 4, 16, 64]
    assert found.paces[2].training_steps_per_s == 990.0
    assert found.paces[2].env_steps_per_s == 2970.0
    assert machine.log[:8] == [
        (what, n_envs, 1) for n_envs in (16, 1, 4, 64) for what in ("play", "train")
    ]


def test_one_to_as_many_processes_as_cores_train_side_by_side(measure: Measure) -> None:
    found = measure(cores=6)

    assert [side.processes for side in found.sides] == [1, 2, 4, 6]
    assert found.side_envs == 16
    assert [side.steps_per_s for side in found.sides] == [990.0, 792.0, 792.0, 792.0]
    assert found.is_complete


def test_somebody_elses_work_changes_neither_the_speeds_nor_their_order(
    measure: Measure, machine: Machine
) -> None:
    quiet = measure()
    machine.core_share = 0.4

    busy = measure()

    assert busy.paces == quiet.paces
    assert busy.core_share == pytest.approx(0.4)
    assert [side.steps_per_s for side in busy.sides] == [990.0, 990.0]


def test_every_process_is_ended(measure: Measure, machine: Machine) -> None:
    measure(cores=4)

    assert (machine.started, machine.open) == (4, 0)


def test_processes_are_ended_when_something_goes_wrong(measure: Measure, machine: Machine) -> None:
    def told(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(told=told)

    assert machine.open == 0


def test_more_than_memory_holds_is_not_tried(measure: Measure, machine: Machine) -> None:
    found = measure(cores=8, memory_bytes=1_500 * MB)

    assert [side.processes for side in found.sides] == [1, 2]
    assert found.no_room_for == 4
    assert machine.started == 2
    assert found.is_complete


def test_when_time_is_short_the_stages_own_number_and_one_beside_another_are_measured(
    measure: Measure,
) -> None:
    found = measure(
        Effort(envs=(1, 4, 64), play_s=1.0, train_s=2.0, side_s=3.0, most_s=1.0), cores=8
    )

    assert [pace.n_envs for pace in found.paces] == [16]
    assert [side.processes for side in found.sides] == [1, 2]
    assert not found.is_complete


def test_each_measurement_is_told_once_it_is_done(measure: Measure) -> None:
    told: list[str] = []

    measure(told=told.append)

    assert told[0] == "16 environments: 990 steps/s in training, 2,970 without learning"
    assert told[-1] == "2 at a time: 792 steps/s each, 1,584 in all"


@pytest.fixture
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


PLAN = a_plan(a_stage(1), a_stage(2), algorithm="ppo", comparables={"species_code": "c0de"})


@pytest.mark.usefixtures("_cache")
def test_a_plan_finds_what_was_measured_of_its_animal_and_algorithm(measure: Measure) -> None:
    found = measure()
    remember(SUBJECT, found)

    # The second stage was not measured; the first has to do.
    assert sides_of(PLAN) == {1: found.sides, 2: found.sides}
    assert sides_of(a_plan(algorithm="sac", comparables={"species_code": "c0de"})) == {}
    assert sides_of(a_plan(algorithm="ppo", comparables={"species_code": "0ther"})) == {}


@pytest.mark.usefixtures("_cache")
def test_each_stage_has_its_own_measurement(measure: Measure, machine: Machine) -> None:
    first = measure()
    remember(SUBJECT, first)
    machine.each_bytes = 500 * MB
    second = measure()
    remember(Subject("velociraptor", "ppo", 2, own_envs=16, code="c0de"), second)

    assert sides_of(PLAN) == {1: first.sides, 2: second.sides}


@pytest.mark.usefixtures("_cache")
@pytest.mark.parametrize("text", ["", "[]", '{"stages": {"1": {"sides": [{"processes": 1}]}}}'])
def test_what_cannot_be_read_was_not_measured(measure: Measure, tmp_path: Path, text: str) -> None:
    remember(SUBJECT, measure())
    (kept,) = tmp_path.glob("mesosweep/bench-*.json")
    kept.write_text(text)

    assert sides_of(PLAN) == {}


def test_a_refusal_comes_through_as_it_was_said() -> None:
    bencher = BenchProcess(Subject("velociraptor", "ppo", 9, own_envs=1, code=""))

    try:
        with pytest.raises(SettingsError, match="--stage 9"):
            bencher.get_ready()
    finally:
        bencher.close()


def test_a_process_that_dies_is_told_by_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/ls")  # knows no `-m`
    bencher = BenchProcess(SUBJECT)

    try:
        with pytest.raises(BenchFailed, match="ended: /bin/ls"):
            bencher.get_ready()
    finally:
        bencher.close()


def test_the_free_memory_of_this_machine_is_known_or_not() -> None:
    found = free_memory_bytes()

    assert found is None or found > 0
    assert found is not None or not Path("/proc/meminfo").exists()


def test_two_processes_are_worth_what_both_do() -> None:
    assert SideBySide(2, 450.0, 1).total == 900.0
