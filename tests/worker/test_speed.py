"""The speed of training is taken between the ends of whole cycles."""

from __future__ import annotations

import pytest

from mesosweep.worker.speed import Moment, Speed, Stopwatch

ALIVE = {"learning_rate": 1e-3}


class Clocks:
    """Computing takes half of the time; the other half belongs to somebody else."""

    wall_s = 100.0

    def __call__(self, step: int) -> Moment:
        return Moment(self.wall_s, self.wall_s / 2, step)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def begun(clocks: Clocks, *, seconds: float) -> Stopwatch:
    watch = Stopwatch(seconds=seconds, look=clocks)
    assert not watch.should_stop()
    return watch


def test_what_comes_before_the_end_of_the_first_cycle_does_not_count(clocks: Clocks) -> None:
    watch = begun(clocks, seconds=2.0)

    for second, step in ((10, 100), (11, 200), (12, 300)):
        clocks.wall_s = 100.0 + second
        watch.stepped(step, ALIVE)

    assert watch.speed == Speed(steps_per_s=100.0, steps_per_computing_s=200.0)
    assert watch.speed.core_share == 0.5
    assert watch.should_stop()


def test_training_goes_on_until_the_cycles_fill_the_time(clocks: Clocks) -> None:
    watch = begun(clocks, seconds=2.0)
    watch.stepped(100, ALIVE)
    clocks.wall_s += 1.0
    watch.stepped(200, ALIVE)

    assert not watch.should_stop()


def test_signs_of_life_end_no_cycle(clocks: Clocks) -> None:
    watch = begun(clocks, seconds=1.0)
    for _ in range(3):
        clocks.wall_s += 0.9
        watch.stepped(50, {})

    assert not watch.should_stop()


def test_a_cycle_without_end_is_not_waited_for(clocks: Clocks) -> None:
    watch = begun(clocks, seconds=1.0)
    clocks.wall_s += 4.0
    watch.stepped(40, {})

    assert watch.should_stop()
    assert watch.speed.steps_per_s == 10.0


def test_a_single_cycle_has_to_do_where_there_was_no_second(clocks: Clocks) -> None:
    watch = begun(clocks, seconds=1.0)
    clocks.wall_s += 4.0
    watch.stepped(100, ALIVE)

    assert watch.should_stop()
    assert watch.speed.steps_per_s == 25.0
