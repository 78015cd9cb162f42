"""What to make of a machine's measurement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.settings.advice import (
    Measurement,
    Pace,
    SideBySide,
    advise,
    best_envs,
    share_of_alone,
    unchanged_learning,
)

PPO = {"n_steps": 32, "batch_size": 1024, "n_epochs": 8}
SAC = {"buffer_size": 10**6, "train_freq": 1, "gradient_steps": 2, "batch_size": 256, "n_steps": 1}
MB = 10**6


def paces(**training: float) -> tuple[Pace, ...]:
    """Return paces from `n8=1000.0`: 8 environments train 1000 steps/s."""
    return tuple(Pace(int(name[1:]), 2 * pace, pace) for name, pace in training.items())


def sides(*each: float) -> tuple[SideBySide, ...]:
    """Return 1, 2, 4, … processes, each at this pace."""
    return tuple(SideBySide(2**power, pace, 400 * MB) for power, pace in enumerate(each))


MEASURED = Measurement(
    own_envs=64,
    side_envs=64,
    cores=2,
    memory_bytes=8_000 * MB,
    paces=paces(n16=800.0, n64=1000.0),
    sides=sides(1000.0, 900.0),
)


def test_the_stages_own_number_of_environments_stays_when_it_is_about_as_quick_as_any() -> None:
    assert best_envs(paces(n16=990.0, n64=960.0, n128=1000.0), own_envs=64) == 64


def test_else_the_smallest_that_is_about_as_quick_as_any() -> None:
    assert best_envs(paces(n8=700.0, n16=980.0, n64=500.0, n128=1000.0), own_envs=64) == 16


def test_another_number_of_environments_keeps_the_steps_of_a_rollout() -> None:
    assert unchanged_learning(PPO, own_envs=64, n_envs=16) == {"n_steps": 128}
    assert unchanged_learning(PPO, own_envs=64, n_envs=64) == {}


@given(own=st.integers(1, 128), n_envs=st.integers(1, 256), steps=st.integers(1, 4096))
def test_a_rollout_holds_a_mini_batch_whatever_the_number(
    own: int, n_envs: int, steps: int
) -> None:
    hyper = {**PPO, "n_steps": steps, "batch_size": min(1024, steps * own)}

    changed = {**hyper, **unchanged_learning(hyper, own_envs=own, n_envs=n_envs)}

    assert changed["n_steps"] * n_envs >= changed["batch_size"]


@given(own=st.sampled_from([1, 4, 64]), n_envs=st.sampled_from([1, 4, 16, 64, 128]))
def test_what_replays_keeps_its_updates_per_step(own: int, n_envs: int) -> None:
    changed = {**SAC, **unchanged_learning(SAC, own_envs=own, n_envs=n_envs)}

    per_step = changed["gradient_steps"] / (changed["train_freq"] * n_envs)
    assert per_step == SAC["gradient_steps"] / (SAC["train_freq"] * own)


def test_only_what_differs_is_named() -> None:
    assert unchanged_learning(SAC, own_envs=64, n_envs=128) == {"gradient_steps": 4}


def test_as_many_updates_as_steps_needs_no_change() -> None:
    assert unchanged_learning({**SAC, "gradient_steps": -1}, own_envs=64, n_envs=4) == {}


def test_a_learner_without_rollouts_needs_no_change() -> None:
    assert unchanged_learning({"gain": 0.5}, own_envs=4, n_envs=16) == {}


@pytest.mark.parametrize(
    ("processes", "share"), [(1, 1.0), (2, 0.9), (3, 0.7), (4, 0.5), (8, 0.25)]
)
def test_what_was_not_measured_lies_between_or_shares_what_the_most_did(
    processes: int, share: float
) -> None:
    assert share_of_alone(sides(1000.0, 900.0, 500.0), processes) == pytest.approx(share)


def test_nothing_is_quicker_beside_others() -> None:
    assert share_of_alone(sides(1000.0, 1010.0), 2) == 1.0


def test_as_many_trials_run_at_a_time_as_do_more_in_all() -> None:
    assert advise(MEASURED, PPO).parallel == 2
    assert advise(replace(MEASURED, sides=sides(1000.0, 510.0)), PPO).parallel == 1
    assert advise(replace(MEASURED, sides=sides(1000.0, 900.0, 460.0)), PPO).parallel == 2


def test_the_advice_says_why() -> None:
    advice = advise(MEASURED, PPO)

    assert advice.n_envs == 64
    assert advice.changes == {}
    assert advice.reasons == (
        "n_envs 64, the stage's own, trains quickest.",
        "2 at a time make 1.80 times the steps of one alone, each at 90% of its speed.",
    )


def test_another_number_comes_with_what_keeps_learning_as_it_is() -> None:
    advice = advise(replace(MEASURED, paces=paces(n16=1500.0, n64=1000.0)), PPO)

    assert (advice.n_envs, advice.changes) == (16, {"n_steps": 128})
    assert advice.reasons[:2] == (
        "n_envs 16 trains 1.50 times as fast as the stage's own 64.",
        "With it, n_steps 128 for learning to stay as it is.",
    )


def test_what_makes_the_advice_doubtful_is_said() -> None:
    doubtful = replace(MEASURED, core_share=0.4, no_room_for=4, is_complete=False)

    told = " ".join(advise(doubtful, PPO).reasons)

    assert "4 at a time would not fit into the free memory." in told
    assert "busy with something else: one process alone got 40% of a core" in told
    assert "no time to measure everything" in told
