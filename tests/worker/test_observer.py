"""What a trainer offers is published when it is the best, by whatever best means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from mesosweep.domain.score import Episode, Gate
from mesosweep.domain.standing import Demand
from mesosweep.ports import Policy
from mesosweep.records.bundle import open_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.periodic import latest_whole
from mesosweep.records.progress import ProgressWriter
from mesosweep.worker.observer import TrialObserver

TWICE = Demand(Gate(min_avg_episode_length=10.0), passes=2)


class Scripted:
    """A ground on which the episodes of each evaluation are known beforehand."""

    def __init__(self, *told: tuple[float, int]) -> None:
        self._told: Iterator[tuple[float, int]] = iter(told)

    def play(self, policy: Policy, seeds: Sequence[int]) -> tuple[Episode, ...]:
        reward, length = next(self._told)
        return tuple(Episode(seed, reward, length, "horizon") for seed in seeds)


def an_observer(folder: TrialFolder, ground: Scripted, demand: Demand | None) -> TrialObserver:
    return TrialObserver(
        folder,
        ground=ground,  # type: ignore[arg-type]  # it only plays
        seeds=(1, 2),
        progress=ProgressWriter(folder.progress),
        report=lambda value, *, step: None,
        track=Silent(),
        stop=lambda: False,
        meta={},
        demand=demand,
    )


class Silent:
    def evaluated(self, evaluation: object) -> None: ...
    def stepped(self, step: int, values: object) -> None: ...
    def ended(self, trial: object) -> None: ...


def train(observer: TrialObserver, steps: Sequence[int]) -> None:
    """Judge and offer a policy at each step; its file holds the step."""
    for step in steps:
        observer.evaluate(lambda observations: observations, step=step)
        observer.offer(partial(_write, step=step), step=step)


def _write(path: Path, *, step: int) -> None:
    path.write_text(str(step))


@pytest.fixture
def folder(tmp_path: Path) -> TrialFolder:
    return TrialFolder(tmp_path / "1")


# Reward and length at steps 10, 20, 30, 40: the highest mean falls short of the gate.
TOLD = ((1.0, 12), (3.0, 12), (9.0, 4), (2.0, 12))


@pytest.mark.parametrize(("demand", "step"), [(None, 30), (TWICE, 20)])
def test_the_bundle_is_of_the_best_evaluation(
    folder: TrialFolder, demand: Demand | None, step: int
) -> None:
    observer = an_observer(folder, Scripted(*TOLD), demand)

    train(observer, (10, 20, 30, 40))

    bundle = open_bundle(folder.best)
    assert (bundle.step, bundle.policy.read_text()) == (step, str(step))
    assert observer.best is not None
    assert observer.best.step == step


def test_a_streak_goes_on_where_it_was_interrupted(folder: TrialFolder) -> None:
    first = an_observer(folder, Scripted(TOLD[0]), TWICE)
    train(first, (10,))
    first.checkpoint(lambda into: _write(into / "count.json", step=10), step=10)
    kept, _ = latest_whole(folder.checkpoints)
    assert kept is not None

    rest = an_observer(folder, Scripted(*TOLD[1:]), TWICE)
    rest.go_on(kept)
    train(rest, (20, 30, 40))

    assert open_bundle(folder.best).step == 20
    assert rest.standing.best_in_a_row == 2
    assert rest.standing.in_a_row == 1
