"""Words that are rewritten before Typer reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesosweep.cli.argv import per_stage, prepared
from mesosweep.cli.taking import flags_from
from mesosweep.domain.errors import UsageError


@given(
    what=st.sampled_from(["trials", "timesteps", "parallel"]),
    stage=st.integers(1, 99),
    value=st.integers(1, 10**9),
    joined=st.booleans(),
)
def test_a_setting_of_any_stage_reaches_its_stage(
    what: str, stage: int, value: int, joined: bool
) -> None:
    flag = f"--{what}-stage{stage}"
    words = [f"{flag}={value}"] if joined else [flag, str(value)]

    (word,) = per_stage(words)
    flags = flags_from({f"{what}_stage": [word.partition("=")[2]]})

    assert getattr(flags, f"{what}_stage") == {stage: value}


def test_other_words_stay_as_they_are() -> None:
    words = ["run-all", "--species", "x", "--", "--trials-stage1", "3"]

    assert per_stage(words) == words


def test_a_variadic_override_may_be_mixed_with_other_flags() -> None:
    words, _ = prepared(["run-all", "--override", "a.b=1", "2.c.d=2", "--trials", "3"])

    assert words == [
        *("run-all", "--override", "a.b=1", "--override", "2.c.d=2"),
        *("--trials", "3"),
    ]


@settings(deadline=None)  # a busy machine is no fault of the parser
@given(value=st.floats(allow_nan=False), joined=st.booleans())
def test_every_injected_number_passes_by_the_parser(value: float, joined: bool) -> None:
    name = "--env_alive_bonus"
    injected = [f"{name}={value!r}"] if joined else [name, repr(value)]

    words, told = prepared(["trial", "--species", "velociraptor", *injected, "--seed", "1"])

    assert words == ["trial", "--species", "velociraptor", "--seed", "1"]
    assert float(told["env_alive_bonus"]) == value


def test_only_a_trial_takes_injected_parameters() -> None:
    words = ["run-all", "--ppo_gamma", "0.9"]

    assert prepared(words) == (words, {})


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["1="], "--trials-stage1: '' is not a whole number above 0"),
        (["1=two"], "--trials-stage1: 'two' is not a whole number above 0"),
        (["1=0"], "--trials-stage1: '0' is not a whole number above 0"),
        (["0=3"], "N must be the number of a stage"),
        (["3"], "N must be the number of a stage"),
        (["1=2", "1=3"], "--trials-stage1: given twice"),
    ],
)
def test_a_setting_of_a_stage_must_make_sense(words: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        flags_from({"trials_stage": words})


def test_two_words_for_going_on_may_not_contradict_each_other() -> None:
    assert flags_from({"force_continue": True}).on_gate_fail == "best"
    with pytest.raises(UsageError, match="contradicts"):
        flags_from({"force_continue": True, "on_gate_fail": "stop"})


def test_what_was_not_said_stays_unsaid() -> None:
    flags = flags_from({"species": "x", "trials": None, "override": None, "trials_stage": None})

    assert flags.trials is None
    assert flags.overrides == ()
    assert flags.trials_stage == {}
