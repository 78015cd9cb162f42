"""What a user may call a checkpoint, and what `evaluate` and `render` say of it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from mesosweep.cli.bundles import bundle_named
from mesosweep.domain.errors import UsageError
from mesosweep.testing.command import Mesosweep

COUNTING = (
    *("--species", "counting", "--algorithm", "count", "--sampler", "random"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
    *("--parallel", "1", "--no-check", "--trials", "2"),
)
ROOT = Path("sweeps/counting/count")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "sweeps"


@pytest.fixture
def swept(mesosweep: Mesosweep, here: Path, kept: Path) -> Path:
    """A finished sweep in the present folder; swept once for all tests."""
    if not kept.exists():
        assert mesosweep("run-all", *COUNTING).code == 0
        shutil.copytree("sweeps", kept)
    else:
        shutil.copytree(kept, "sweeps")
    return here


def winner(stage: int) -> str:
    state = json.loads((ROOT / "sweep_state_counting_count.json").read_text())
    (found,) = [s["winner"]["trial"]["trial_id"] for s in state["stages"] if s["stage"] == stage]
    return str(found)


@pytest.mark.usefixtures("swept")
def test_a_winner_is_named_by_its_stage_and_a_trial_by_its_place() -> None:
    best = "models/best_model.zip"

    def named(word: str | None) -> Path:
        return bundle_named(word, output=Path())

    assert named(None) == ROOT / f"stage3/{winner(3)}" / best
    assert named("stage2") == ROOT / f"stage2/{winner(2)}" / best
    assert named("stage1/1") == ROOT / "stage1/1" / best
    assert named(str(ROOT / "stage1/1")) == ROOT / "stage1/1" / best
    assert named(str(ROOT / "stage1/1/models")) == ROOT / "stage1/1" / best
    assert named(str(ROOT / "stage2")) == named("stage2")
    assert named(str(ROOT)) == named(None)
    final = ROOT / "stage1/1/models/stage1_final.zip"
    assert named(str(final)) == final
    assert named(str(final.with_name("stage1_final.manifest.json"))) == final


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("stage9", "stage 9 has no winner"),
        ("stage1/77", "No checkpoint 'stage1/77'"),
        ("gone.zip", "no such checkpoint"),
        (".", "holds no checkpoint"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(word: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        bundle_named(word, output=Path())

    assert caught.value.hint


@pytest.mark.usefixtures("swept")
def test_a_checkpoint_is_evaluated(mesosweep: Mesosweep) -> None:
    said = mesosweep("evaluate", "stage2", "--episodes", "6", "--seed", "3", "--csv", "rows.csv")

    assert said.code == 0, said.err
    assert "counting · count · stage 2 locomotion" in said.out
    assert "6 fresh episodes, seeds 3 to 8" in said.out
    assert "Next\n  mesosweep render " in said.out
    with Path("rows.csv").open() as file:
        assert [row["seed"] for row in csv.DictReader(file)] == list("345678")


@pytest.mark.usefixtures("swept")
def test_the_test_block_is_what_the_winner_was_verified_on(mesosweep: Mesosweep) -> None:
    record = json.loads((ROOT / f"stage3/{winner(3)}/metrics.json").read_text())

    said = mesosweep("evaluate", "--block", "test", "--episodes", "4", "--yardsticks", "--json")

    told = json.loads(said.out)
    assert told["score"]["mean_reward"] == record["test_mean_reward"]
    assert told["against"]["zero"] == record["test_against"]["zero"]


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(
    ("block", "used", "named"),
    [("select", 10, "stage2"), ("panel", 4, "stage2"), ("test", 4, "stage2/1")],
)
def test_a_block_is_all_that_the_sweep_used_and_no_more(
    mesosweep: Mesosweep, block: str, used: int, named: str
) -> None:
    whole = mesosweep("evaluate", named, "--block", block)
    more = mesosweep("evaluate", named, "--block", block, "--episodes", str(used + 1))

    assert f"{used} episodes of its sweep's {block}, seeds " in whole.out
    assert more.code == 2
    assert f"--episodes {used + 1}: its sweep's {block} has {used} episodes." in more.error


@pytest.mark.usefixtures("swept")
def test_a_block_of_another_stage_is_as_long_as_the_sweep_made_it_there(
    mesosweep: Mesosweep,
) -> None:
    said = mesosweep("evaluate", "stage3", "--stage", "1", "--block", "panel")

    assert "4 episodes of its sweep's panel" in said.out


@pytest.mark.usefixtures("swept")
def test_a_checkpoint_taken_out_of_its_sweep_knows_what_its_trial_was_judged_on(
    mesosweep: Mesosweep, here: Path
) -> None:
    other = next(n for n in ("0", "1") if n != winner(1))
    shutil.copytree(ROOT / "stage1" / other, "copied")

    panel = mesosweep("evaluate", "copied", "--block", "panel")
    test = mesosweep("evaluate", "copied", "--block", "test")

    assert "4 episodes of its sweep's panel" in panel.out
    assert test.code == 2
    assert "how many episodes its sweep used on stage 1 is not known here" in test.error


def test_seeds_are_chosen_or_the_sweeps_own_never_both(mesosweep: Mesosweep) -> None:
    said = mesosweep("evaluate", "stage1", "--block", "panel", "--seed", "3")

    assert said.code == 2
    assert "--seed 3: the episodes of --block panel have seeds of their own" in said.error


@pytest.mark.usefixtures("swept")
def test_rows_of_episodes_go_into_a_file_that_has_a_name(mesosweep: Mesosweep, here: Path) -> None:
    said = mesosweep("evaluate", winner(1), "--episodes", "1", "--csv", "-")

    assert said.code == 2
    assert "--csv -: the rows go into a file" in said.error
    assert not (here / "-").exists()


@pytest.mark.usefixtures("swept")
def test_one_episode_has_no_interval(mesosweep: Mesosweep) -> None:
    said = mesosweep("evaluate", "stage1", "--episodes", "1")

    assert said.code == 0, said.err
    assert "1 fresh episode, seed 0; one tells no interval" in said.out
    assert "±" not in said.out.partition("what it is")[2]


@pytest.mark.usefixtures("swept")
def test_an_earlier_skill_is_judged_on_its_own_stage(mesosweep: Mesosweep) -> None:
    told = json.loads(mesosweep("evaluate", "stage3", "--stage", "1", "--json").out)

    assert (told["stage"], told["stage_name"]) == (1, "balance")


@pytest.mark.usefixtures("swept")
def test_several_overrides_may_follow_one_flag(mesosweep: Mesosweep) -> None:
    words = ("evaluate", "stage3", "--json", "--override", "env.noise=0.0", "env.horizon=5")

    told = json.loads(mesosweep(*words).out)

    assert {episode["length"] for episode in told["episodes"]} == {5}


@pytest.mark.usefixtures("swept")
def test_a_species_that_cannot_be_seen_is_told_how_to_be(mesosweep: Mesosweep) -> None:
    said = mesosweep("render", "stage3")

    assert said.code == 2
    assert "draws no pictures" in said.error


@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("words", [("--size", "64x48"), ("--camera", "side"), ("--fine",)])
def test_a_species_that_draws_itself_takes_no_wishes(
    mesosweep: Mesosweep, words: tuple[str, ...]
) -> None:
    said = mesosweep("render", "stage3", *words)

    assert said.code == 2
    assert f"{' '.join(words)}: species 'counting' draws its own pictures" in said.error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--out", "walk.avi"), "'.avi' is no format"),
        (("--out", "walk"), "--out walk: names no format"),
        (("--size", "big"), "is not WIDTHxHEIGHT"),
        (("--size", "0x480"), "is not WIDTHxHEIGHT"),
        (("--size", "640x-480"), "is not WIDTHxHEIGHT"),
        (("--size", "100000x480"), "at most 4096 pixels a side"),
        (("--size", "641x480"), "the sides of a video are even numbers"),
        (("--frames", "8"), "--frames 8: changes nothing in a video (.mp4)"),
        (("--out", "a.gif", "--every", "0.1"), "--every 0.1: changes nothing in an animation"),
        (("--out", "a.gif", "--columns", "2"), "--columns 2: changes nothing in an animation"),
        (("--out", "a.png", "--fps", "25"), "--fps 25: changes nothing in a strip"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_anything_is_played(
    mesosweep: Mesosweep, words: tuple[str, str], told: str
) -> None:
    said = mesosweep("render", *words)

    assert said.code == 2
    assert told in said.error
