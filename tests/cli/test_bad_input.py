"""Bad input: one line, the right exit code, and nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mesosweep.testing.command import Mesosweep

COUNTING = ("--species", "counting", "--algorithm", "count", "--trials", "2", "--timesteps", "20")


def space(**entry: object) -> str:
    return json.dumps({"count_gain": entry})


BAD_SPACES = {
    "malformed JSON": ('{"count_gain": ', "--search-space"),
    "unknown parameter": ('{"count_gian": {"type": "double", "min": 0, "max": 1}}', "count_gian"),
    "min > max": (space(type="double", min=1.0, max=0.5), "min"),
    "log scale with 0": (space(type="double", min=0.0, max=1.0, scale="log"), "log"),
    "text for a number": (space(type="double", min="low", max=1.0), "low"),
    "unknown type": (space(type="dobule", min=0.0, max=1.0), "dobule"),
    "too deep": ("[" * 100_000, "nested too deeply"),
    "no values": (space(type="discrete", values=[]), "count_gain"),
}


@pytest.mark.parametrize("which", BAD_SPACES)
@pytest.mark.parametrize("command", ["run-all", "launch", "plan"])
def test_a_space_that_cannot_be_is_refused_in_one_line(
    mesosweep: Mesosweep, here: Path, command: str, which: str
) -> None:
    text, named = BAD_SPACES[which]

    said = mesosweep(command, *COUNTING, "--search-space", text)

    assert said.code == 2
    assert named in said.error
    assert said.out == ""
    assert list(here.iterdir()) == []


def test_a_bad_file_is_named_with_its_key_and_the_nearest_name(
    mesosweep: Mesosweep, here: Path
) -> None:
    path = here / "sweep.json"
    path.write_text('{"stage2": {"count_gian": {"type": "double", "min": 0, "max": 1}}}')

    said = mesosweep("run-all", *COUNTING, "--search-space-file", str(path))

    assert said.code == 2
    assert f"{path}: stage2 → count_gian" in said.error
    assert "Did you mean 'count_gain'?" in said.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run-all",), "No species was named"),
        (("run-all", "--species", "countign"), "No species 'countign'"),
        (("run-all", *COUNTING[:2], "--algorithm", "coumt"), "No algorithm 'coumt'"),
        (("run-all", *COUNTING, "--sampler", "tep"), "No sampler 'tep'"),
        (("run-all", *COUNTING, "--backend", "loccal"), "No backend 'loccal'"),
        (("launch", *COUNTING, "--stage", "9"), "9"),
        (("run-all", *COUNTING, "--trials-stage9", "3"), "--trials-stage9"),
        (("run-all", *COUNTING, "--trials", "many"), "--trials: 'many' is not a whole number"),
        (("run-all", *COUNTING, "--trials", "0"), "--trials"),
        (("run-all", *COUNTING, "--trial-timeout", "soon"), "--trial-timeout: 'soon'"),
        (("run-all", *COUNTING, "--on-gate-fail", "panic"), "panic"),
        (("run-all", *COUNTING, "--select-by", "luck"), "luck"),
        (("run-all", *COUNTING, "--load", "nowhere.zip"), "nowhere.zip"),
        (("run-all", *COUNTING, "--override", "count.gian=1"), "gian"),
        (("run-all", *COUNTING, "--override", "--output-dir", "x"), "--override: needs a value"),
        (("run-all", *COUNTING, "--override", "9.count.gain=1"), "9"),
        (("run-all", *COUNTING, "--stage-dir", "nowhere"), "nowhere"),
        (("run-all", *COUNTING, "--project", "my-project"), "need --image and --bucket"),
        (("run-all", *COUNTING, "--spot"), "--spot: trials run on this machine"),
        (("run-all", *COUNTING, "--bucket", "UPPER"), "--bucket UPPER"),
        (("trial", "--algorithm", "count"), "No species was named"),
        (("trial", *COUNTING[:4], "--count_gain"), "--count_gain: needs a value"),
        (("trial", *COUNTING[:4], "--count_gain=much", "--timesteps=10"), "much"),
        (("trial", *COUNTING[:4], "--count_gian", "1", "--timesteps=10"), "count_gian"),
        (("stages", "show", "counting", "9"), "no stage 9"),
        (("stages", "list", "countign"), "No species 'countign'"),
        (("status",), "No sweep"),
        (("gc", "--keep", "some"), "some"),
        (("launhc",), "No such command 'launhc'"),
    ],
)
def test_a_wrong_word_is_refused_in_one_line(
    mesosweep: Mesosweep, here: Path, words: tuple[str, ...], complaint: str
) -> None:
    said = mesosweep(*words)

    assert said.code == 2
    assert complaint in said.error
    assert said.out == ""
    assert list(here.iterdir()) == []


def test_a_misspelt_option_is_told_the_nearest(mesosweep: Mesosweep) -> None:
    said = mesosweep("run-all", "--trails", "3")

    assert said.error == "No such option: --trails."
    assert "Did you mean '--trials'?" in said.err
    assert "mesosweep run-all --help" in said.err


def test_an_option_without_its_value_points_at_the_commands_own_help(mesosweep: Mesosweep) -> None:
    said = mesosweep("run-all", "--trials")

    assert said.code == 2
    assert "mesosweep run-all --help" in said.err


@pytest.mark.parametrize("command", ["run-all", "launch"])
@pytest.mark.parametrize("check", [(), ("--no-check",)])
def test_a_damaged_start_is_found_before_anything_is_written(
    mesosweep: Mesosweep, here: Path, command: str, check: tuple[str, ...]
) -> None:
    start = here / "best_model.zip"
    start.write_text("half of a poli")

    said = mesosweep(command, *COUNTING, "--load", str(start), *check)

    assert said.code == 5
    assert "best_model.manifest.json" in said.error
    assert said.out == ""
    assert list(here.iterdir()) == [start]


def test_what_no_trial_could_be_built_with_is_found_before_any_runs(
    mesosweep: Mesosweep, here: Path
) -> None:
    words = ("--search-space", '{"count_fault": {"type": "categorical", "values": ["none", "x"]}}')

    said = mesosweep("run-all", *COUNTING, *words)

    assert said.code == 2
    assert "stage1: a trial with count_fault=x cannot be built" in said.error
    assert list(here.iterdir()) == []


def test_another_plans_sweep_is_not_touched(mesosweep: Mesosweep, here: Path) -> None:
    words = ("launch", *COUNTING, "--no-check", "--output-dir", str(here))
    assert mesosweep(*words).code == 0
    (state,) = here.glob("sweeps/counting/count/*.json")
    before = state.read_bytes()

    said = mesosweep(*words, "--seed", "7")

    assert said.code == 2
    assert "another plan" in said.error
    assert said.out == ""
    assert "seed: 42 → 7" in said.err
    assert "--no-resume" in said.err
    assert state.read_bytes() == before


def test_a_state_that_was_cut_in_half_is_an_error_of_the_store(
    mesosweep: Mesosweep, here: Path
) -> None:
    words = ("launch", *COUNTING, "--no-check", "--output-dir", str(here))
    mesosweep(*words)
    (state,) = here.glob("sweeps/counting/count/*.json")
    half = state.read_bytes()[: state.stat().st_size // 2]
    state.write_bytes(half)

    for command in (words, ("status",), ("status", "--json"), ("gc", "--dry-run")):
        said = mesosweep(*command)
        assert said.code == 5
        assert str(state.name) in said.error
        assert state.read_bytes() == half
