"""A sweep of trials on record goes as it would have gone on a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest

from mesosweep.domain.space import Double, SearchSpace
from mesosweep.domain.stopping import Stopping
from mesosweep.ports import TrialOrder
from mesosweep.samplers.random import RandomSampler

STEPS = (100, 200, 300, 400)
GOOD, BAD = (5.0, 6.0, 7.0, 8.0), (1.0, 1.0, 1.0, 1.0)
LATE = (0.0, 0.0, 0.0, 9.0)


@pytest.fixture
def replay(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    pytest.importorskip("optuna")
    return benchmark_script("replay")


def swept(
    replay: ModuleType,
    curves: Sequence[Sequence[float]],
    *,
    paces: Mapping[int, float] = {},
    verified: Mapping[int, float] = {},
    **others: object,
) -> Any:
    """Replay trials with these means, in this order; pace 2 takes twice the time."""

    def train(order: TrialOrder) -> Any:
        number = int(order.trial_id) - 1
        return replay.Training(
            replay.evaluations(curves[number], STEPS),
            [step * paces.get(number, 1.0) for step in STEPS],
            panel=curves[number][-1],
            verified=verified.get(number, curves[number][-1]),
        )

    return replay.replayed(
        SearchSpace({"gain": Double(0.0, 1.0)}),
        RandomSampler(),
        train,
        trials=len(curves),
        seed=1,
        budget=STEPS[-1],
        **others,
    )


def test_without_a_rule_every_trial_trains_all_its_steps(replay: ModuleType) -> None:
    found = swept(replay, [GOOD, BAD, BAD])

    assert (found.steps, found.stopped, found.best_lost) == (1200, 0, False)


def test_the_winner_is_chosen_by_its_panel_and_is_worth_what_was_verified(
    replay: ModuleType,
) -> None:
    found = swept(replay, [GOOD, BAD], verified={0: 0.5, 1: 99.0})

    assert found.verified == 0.5


def test_a_trial_that_is_stopped_costs_what_it_had_trained(replay: ModuleType) -> None:
    found = swept(replay, [GOOD] * 6 + [BAD], stopping=Stopping("median", STEPS[-1]))

    assert (found.steps, found.stopped) == (6 * 400 + 100, 1)


def test_a_rule_that_stops_the_best_is_found_out(replay: ModuleType) -> None:
    found = swept(replay, [GOOD] * 6 + [LATE], stopping=Stopping("median", STEPS[-1]))

    assert found.best_lost
    assert found.verified == 8.0


def test_a_trial_is_compared_with_what_others_have_told_by_then(replay: ModuleType) -> None:
    rule = Stopping("median", STEPS[-1])

    even = swept(replay, [GOOD] * 5 + [BAD], stopping=rule)
    # The fifth has told too little when the sixth, which runs beside it, could be compared.
    slow = swept(replay, [GOOD] * 5 + [BAD], stopping=rule, paces={4: 3.0})

    assert (even.stopped, slow.stopped) == (1, 0)


def test_optunas_rules_hear_of_every_evaluation(replay: ModuleType) -> None:
    import optuna

    def judged(*curves: Sequence[float]) -> Any:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=3)
        return swept(replay, curves, judge=replay.Optunas(pruner, seed=0), parallel=1)

    assert judged(GOOD, GOOD, GOOD, BAD).steps == 3 * 400 + 100
    assert judged(GOOD, GOOD, BAD, BAD).stopped == 1
    assert judged(BAD, BAD, BAD, GOOD).stopped == 0
