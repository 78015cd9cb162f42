from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.errors import UsageError
from mesosweep.domain.study import told
from mesosweep.settings.arguments import normalise, take_injected

PREFIXES = ("ppo", "sac", "env", "curriculum")


@given(value=st.floats(), equals=st.booleans())
def test_every_float_survives_in_both_spellings(value: float, equals: bool) -> None:
    text = told(value)
    words = [f"--env_alive_bonus={text}"] if equals else ["--env_alive_bonus", text]

    rest, injected = take_injected(["trial", *words, "--stage", "1"], PREFIXES)

    assert rest == ["trial", "--stage", "1"]
    assert repr(float(injected["env_alive_bonus"])) == repr(value)


@given(words=st.lists(st.text(min_size=1).filter(lambda word: not word.startswith("--"))))
def test_what_is_not_a_parameter_is_left_as_it_was(words: list[str]) -> None:
    assert take_injected(words, PREFIXES) == (words, {})


@pytest.mark.parametrize("value", ["-5e-3", "-1", "64.0", "1e-05", "small", "a=b", ""])
def test_a_value_is_taken_as_it_stands(value: str) -> None:
    assert take_injected(["--ppo_x", value], PREFIXES)[1] == {"ppo_x": value}
    assert take_injected([f"--ppo_x={value}"], PREFIXES)[1] == {"ppo_x": value}


def test_ordinary_options_and_foreign_prefixes_stay() -> None:
    argv = ["--n-envs", "4", "--dqn_gamma", "0.9", "--environment", "x"]

    assert take_injected(argv, PREFIXES) == (argv, {})


@pytest.mark.parametrize(
    "argv", [["--ppo_gamma"], ["--ppo_gamma", "--stage", "1"], ["--env_x", "--"]]
)
def test_a_parameter_without_a_value_is_an_error(argv: list[str]) -> None:
    with pytest.raises(UsageError, match="needs a value"):
        take_injected(argv, PREFIXES)


def test_a_parameter_given_twice_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"--ppo_gamma: given twice \(0\.9 and 0\.99\)"):
        take_injected(["--ppo_gamma", "0.9", "--ppo_gamma=0.99"], PREFIXES)


def test_nothing_is_taken_behind_a_bare_double_dash() -> None:
    assert take_injected(["--", "--ppo_x", "1"], PREFIXES) == (["--", "--ppo_x", "1"], {})


@pytest.mark.parametrize(
    "argv",
    [
        ["--stages", "1", "2", "--plot"],
        ["--stages", "1", "--stages", "2", "--plot"],
        ["--stages=1", "2", "--plot"],
    ],
)
def test_many_values_become_many_options(argv: list[str]) -> None:
    told = " ".join(normalise(argv)).replace("=", " ")

    assert told == "--stages 1 --stages 2 --plot"


def test_overrides_work_as_the_page_prints_them() -> None:
    argv = ["curriculum", "--override", "1.ppo.lr=3e-4", "2.ppo.lr=1e-4", "--seed", "1"]

    assert normalise(argv) == [
        "curriculum",
        *("--override", "1.ppo.lr=3e-4", "--override", "2.ppo.lr=1e-4"),
        *("--seed", "1"),
    ]


@pytest.mark.parametrize("rest", [[], ["--output-dir", "out"]])
def test_an_option_without_a_value_does_not_take_the_next_option_for_one(rest: list[str]) -> None:
    with pytest.raises(UsageError, match="--override: needs a value"):
        normalise(["run-all", "--override", *rest])


@given(values=st.lists(st.from_regex(r"[a-z0-9.=]+", fullmatch=True), min_size=1))
def test_normalising_twice_changes_nothing_more(values: list[str]) -> None:
    once = normalise(["--override", *values])

    assert once[1::2] == values
    assert normalise(once) == once
