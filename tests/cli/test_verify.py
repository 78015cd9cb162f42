"""`verify`: the best configurations of a stage, trained again and compared."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mesosweep.cli.candidates import check_can_be
from mesosweep.domain.errors import UsageError
from mesosweep.domain.events import WinnerPromoted
from mesosweep.domain.winner import Winner
from mesosweep.plugins import Registry
from mesosweep.stores.file import FileStore
from mesosweep.testing.command import Mesosweep
from mesosweep.worker.request import TrialRequest

ROOT = Path("runs/sweeps/counting/count")
KEY = "sweep_state_counting_count"
SPACE = {"count_gain": {"type": "double", "min": 0.1, "max": 0.9}}


@pytest.fixture
def sweep(mesosweep: Mesosweep) -> list[str]:
    """Sweep two stages in two trials each; return the words that did it."""
    words = [
        *("run-all", "--species", "counting", "--algorithm", "count", "--sampler", "random"),
        *("--trials", "1", "--no-check", "--timesteps", "40", "--eval-freq", "20"),
        *("--trials-stage1", "2", "--trials-stage2", "2", "--search-space", json.dumps(SPACE)),
        *("--panel-episodes", "4", "--test-episodes", "4", "--output-dir", "runs"),
    ]
    said = mesosweep(*words)
    assert said.code == 0, said.err
    return words


VERIFY = ("verify", "runs", "--stage", "1", "--top", "2", "--seeds", "2", "--episodes", "6")


def records() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in ROOT.glob("verify/*/*/*/metrics.json")}


def a_lesser_winner() -> str:
    """Have the trial win stage 1 that did not; return the id of the one that did."""
    store = FileStore(ROOT)
    loaded = store.load(KEY)
    assert loaded is not None
    state, version = loaded
    best = state.stage(1).winner
    assert best is not None
    (other,) = [t for t in state.stage(1).trials if t.identity != best.trial.identity]
    assert other.checkpoint is not None
    winner = Winner(other, 0.0, other.checkpoint, gate_passed=other.passed)
    store.save(KEY, state.after(WinnerPromoted(1, winner)), replacing=version)
    return best.trial.trial_id


@pytest.mark.slow
def test_each_configuration_is_trained_from_fresh_seeds_and_scored_on_the_same_episodes(
    mesosweep: Mesosweep, sweep: list[str]
) -> None:
    searched = {path: path.read_bytes() for path in ROOT.glob("stage*/*/metrics.json")}

    said = mesosweep(*VERIFY)

    assert said.code == 0, said.err
    assert "not distinguishable" in said.out
    assert "--seeds 4" in said.out
    assert "Choice: trial" in said.out
    (kept,) = ROOT.glob("verify/stage1-40/verification.json")
    assert len(json.loads(kept.read_text())["configurations"]) == 2
    told_page = mesosweep("report", str(ROOT))
    assert told_page.code == 0, told_page.err
    assert "not distinguishable" in (ROOT / "report.html").read_text()
    before = records()
    seeds = {json.loads(text)["seed"] for text in (*before.values(), *searched.values())}
    assert len(before) == 4
    assert len(seeds) == 4 + len(searched)
    for path in before:
        told = json.loads((path.parent / "held_out.json").read_text())
        assert told["score"]["episodes"] == 6

    # Asked again it trains nothing again; asked for more it adds to what is there.
    more = mesosweep(*VERIFY[:-4], "--seeds", "3", "--episodes", "6", "--json")

    assert more.code == 0, more.err
    document = json.loads(more.out)
    assert [len(one["runs"]) for one in document["configurations"]] == [3, 3]
    assert before.items() <= records().items()
    assert len(records()) == 6
    # What it leaves is no trial of the search.
    assert all(searched[path] == path.read_bytes() for path in searched)
    collected = mesosweep("collect-results", "runs", "--csv", "all.csv")
    assert collected.code == 0, collected.err
    assert len(Path("all.csv").read_text().splitlines()) == 1 + len(searched)


def test_steps_that_no_configuration_can_be_trained_for_are_refused_by_name(here: Path) -> None:
    request = TrialRequest(species="counting", algorithm="ppo", stage=1)
    registry = Registry()
    check_can_be(request, 4_000, registry=registry)

    with pytest.raises(UsageError) as refused:
        check_can_be(request, 1, registry=registry)

    assert "--timesteps 1: the configurations of stage 1 cannot be trained" in str(refused.value)
    assert "batch_size" in str(refused.value)


@pytest.mark.slow
def test_a_smaller_question_takes_nothing_away(mesosweep: Mesosweep, sweep: list[str]) -> None:
    assert mesosweep(*VERIFY).code == 0
    before = records()

    said = mesosweep("verify", "runs", "--stage", "1", "--top", "1", "--seeds", "1", "--json")

    assert said.code == 0, said.err
    (kept,) = ROOT.glob("verify/stage1-40/verification.json")
    for document in (json.loads(said.out), json.loads(kept.read_text())):
        assert [len(one["runs"]) for one in document["configurations"]] == [2, 2]
    assert records() == before


ALIKE = {"count_gain": {"type": "discrete", "values": [0.5]}}
"""The species' own, tried first, is 0.5 too."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "told"), [(ALIKE, "not distinguishable"), (SPACE, "is above trial")]
)
def test_those_that_differ_only_in_their_seed_are_not_told_apart_and_those_that_differ_are(
    mesosweep: Mesosweep, here: Path, space: dict[str, object], told: str
) -> None:
    swept = mesosweep(
        *("run-all", "--species", "counting", "--algorithm", "count", "--sampler", "random"),
        *("--trials", "1", "--trials-stage1", "2", "--no-check"),
        *("--timesteps", "40", "--eval-freq", "20", "--panel-episodes", "4"),
        *("--test-episodes", "4", "--search-space", json.dumps(space), "--output-dir", "runs"),
    )
    assert swept.code == 0, swept.err

    said = mesosweep(
        *("verify", "runs", "--stage", "1", "--top", "2", "--seeds", "4", "--episodes", "6"),
    )

    assert said.code == 0, said.err
    assert told in said.out
    assert "too few" not in said.out
    assert ("clearly" in said.out) == (told == "is above trial")


@pytest.mark.slow
def test_the_choice_is_promoted_and_later_stages_are_searched_again(
    mesosweep: Mesosweep, sweep: list[str]
) -> None:
    best = a_lesser_winner()
    old = sorted(ROOT.glob("stage[23]/*/metrics.json"))

    said = mesosweep(*VERIFY, "--promote")

    assert said.code == 0, said.err
    assert f"Trial {best} is the winner of stage 1 now" in said.err
    store = FileStore(ROOT)
    loaded = store.load(KEY)
    assert loaded is not None
    # It is the winner that the later stages had started from, so they are what they were.
    assert loaded[0].stale == ()
    a_lesser_winner()
    told = mesosweep("status", "runs")
    assert "(stale)" in told.out
    assert "stale, since a stage before it has another winner by now" in told.out
    stages = json.loads(mesosweep("status", "runs", "--json").out)["stages"]
    assert [stage["stale"] for stage in stages] == [False, True, True]
    assert stages[0]["promoted"] is True

    trained = mesosweep("train", "--from", "runs", "--no-check", "--passes", "1")
    assert "Stages 2, 3 of runs are stale: what is trained was found from another" in trained.err

    again = mesosweep(*sweep)

    assert again.code == 0, again.err
    stages = json.loads(mesosweep("status", "runs", "--json").out)["stages"]
    assert [stage["stale"] for stage in stages] == [False, False, False]
    assert [stage["attempt"] for stage in stages][1:] == [1, 1]
    assert all(path.is_file() for path in old)


@pytest.mark.parametrize("what", ["species_code", "horizon"])
def test_an_animal_that_has_changed_since_is_not_compared_with_what_it_was(
    mesosweep: Mesosweep, sweep: list[str], what: str
) -> None:
    path = ROOT / f"{KEY}.json"
    state = json.loads(path.read_text())
    then = state["comparables"]
    if what == "species_code":
        then["species_code"] = "0123456789ab"
    else:
        then["stages"]["1"]["env"]["horizon"] = 7
    path.write_text(json.dumps(state))

    said = mesosweep(*VERIFY)

    assert said.code == 2
    assert "counting has changed since the sweep (then → now): " in said.error
    assert f"{what}: " in said.error
    assert not (ROOT / "verify").exists()


@pytest.mark.parametrize(
    "where", ["runs/sweeps", "runs/sweeps/counting", "runs/sweeps/counting/count"]
)
def test_a_sweep_is_found_from_every_folder_above_it(
    mesosweep: Mesosweep, sweep: list[str], where: str
) -> None:
    said = mesosweep("status", where)

    assert said.code == 0, said.error
    assert "counting · count" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "No sweep in"),
        (("gs://bucket/sweeps",), "in a bucket cannot be verified"),
    ],
)
def test_what_cannot_be_verified_is_said_at_once(
    mesosweep: Mesosweep, here: Path, words: tuple[str, ...], told: str
) -> None:
    said = mesosweep("verify", *words)

    assert said.code == 2
    assert told in said.error
    assert list(here.iterdir()) == []


@pytest.mark.slow
def test_stopped_it_says_how_to_go_on_and_goes_on(mesosweep: Mesosweep, sweep: list[str]) -> None:
    words = [*VERIFY, "--timesteps", "4000000"]
    running = subprocess.Popen(
        [sys.executable, "-m", "mesosweep", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(600):
            if list(ROOT.glob("verify/stage1-4000000/*/1/progress.jsonl")):
                break
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=60)
    finally:
        running.kill()

    assert running.returncode == 130, told
    assert "go on with:\n  mesosweep verify runs --stage 1" in told
    assert list(ROOT.glob("verify/stage1-4000000/*/1/checkpoint/*"))
    assert not list(ROOT.glob("verify/stage1-4000000/*/1/metrics.json"))
