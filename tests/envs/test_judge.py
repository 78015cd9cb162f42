"""Who has failed, who has done the task, and why an episode is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hopper_species.plant import BODY

from mesosweep.envs.judge import DIVERGED, Judge
from mesosweep.ports import Batch, Body, Mask
from mesosweep.terms.grounded import Grounded
from mesosweep.testing.batch import made_up

NOBODY = np.zeros(4, np.bool_)
PARTS = Grounded({"knee": (("knee",), 0.5), "head": (("nose", "chin"), 1.0), "tail": (("tip",), 0)})


def at(*heights: float) -> Any:
    return [[0.0, 0.0, height] for height in heights]


def lanes(**others: Any) -> Batch:
    """Lane 0 stands; 1 kneels; 2 has its chin down, and its tail, too; 3 flies."""
    sensors = {
        "knee": at(0.9, 0.2, 0.9, 9.0),
        "nose": at(2.0, 2.0, 2.0, 9.0),
        "chin": at(2.0, 2.0, 0.5, 9.0),
        "tip": at(1.0, 1.0, -1.0, 9.0),
    }
    own = {"failed": [False] * 4, "success": [False] * 4, **others}
    return made_up(n=4, sensors=sensors, height=[1.0, 1.0, 1.0, 9.0], **own)


def flies(batch: Any) -> Mask:
    found: Mask = batch.height > 5.0
    return found


def ending(**terminations: Any) -> Body:
    return replace(BODY, terminations=terminations)


PLAIN = {name: (lambda batch, test=test: test(batch)) for name, test in PARTS.terminations.items()}
"""The same tests, of which nothing tells that they belong together."""
ORDERS = (("knee", "head", "tail"), ("head", "tail"), ("tail", "knee"), ("head",))


@pytest.mark.parametrize("order", ORDERS)
def test_tests_that_are_made_at_once_decide_as_each_would_alone(order: tuple[str, ...]) -> None:
    one, other = lanes(), lanes()
    at_once = {"flies": flies, **{name: PARTS.terminations[name] for name in order}}
    alone = {"flies": flies, **{name: PLAIN[name] for name in order}}

    together, apart = Judge(ending(**at_once), 4, task=False), Judge(ending(**alone), 4, task=False)
    together.decide(one, NOBODY)
    apart.decide(other, NOBODY)

    np.testing.assert_array_equal(one.failed, other.failed)
    reasons = [together.reason(one, lane) for lane in range(4)]
    assert reasons == [apart.reason(other, lane) for lane in range(4)]


def test_the_first_termination_that_fired_is_the_reason() -> None:
    batch, judge = lanes(), Judge(ending(**PARTS.terminations, flies=flies), 4, task=False)

    judge.decide(batch, NOBODY)

    assert batch.failed.tolist() == [False, True, True, True]
    reasons = [judge.reason(batch, lane) for lane in range(4)]
    assert reasons == ["horizon", "knee", "head", "flies"]


def test_who_falls_while_striking_has_fallen() -> None:
    body = replace(ending(flies=flies), success=lambda batch: np.ones(batch.n, np.bool_))
    batch, judge = lanes(), Judge(body, 4, task=True)

    judge.decide(batch, np.array([False, True, False, False]))

    assert batch.success.tolist() == [True, False, True, False]
    assert [judge.reason(batch, lane) for lane in (0, 1, 3)] == ["success", DIVERGED, "flies"]


def test_without_a_task_nobody_is_asked_for_success() -> None:
    def never(batch: Batch) -> Mask:
        raise AssertionError(batch)

    batch, judge = lanes(), Judge(replace(ending(flies=flies), success=never), 4, task=False)

    judge.decide(batch, NOBODY)

    assert not batch.success.any()
