"""Commands that look at and use a sweep, given its address in a bucket: as if it lay here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("google.cloud.aiplatform_v1")
pytest.importorskip("google.cloud.storage")

from mesosweep.rehearsal.storage import LocalStorage
from mesosweep.rehearsal.storage_faults import StorageScript
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.command import Mesosweep

pytestmark = pytest.mark.slow

PLUGIN = Path(__file__).parents[1] / "plugins" / "mesosweep-counting"
COUNTING = (
    *("run-all", "--species", "counting", "--algorithm", "count", "--parallel", "2"),
    *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4", "--test-episodes", "4"),
    *("--no-check", "--trials", "2"),
)
SWEEP = "gs://rehearsal/sweeps/counting/count"


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a rehearsal in which a sweep was run through all its stages."""
    here = tmp_path_factory.mktemp("rehearsed")
    done = by_itself("rehearse", *COUNTING, cwd=here)
    assert done.returncode == 0, done.stderr
    return here / "rehearsal"


def by_itself(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, whose workers are told where buckets are now."""
    path = os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, "-m", "mesosweep", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture
def storage(
    rehearsed: Path, tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalStorage]:
    """Serve a copy of its buckets; its folder on this machine is not here."""
    shutil.copytree(rehearsed / "buckets", tmp_path / "buckets")
    with LocalStorage(tmp_path / "buckets", clock=FakeClock()) as served:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", served.address)
        yield served


@pytest.fixture
def bucket(storage: LocalStorage) -> Path:
    return storage.root / "rehearsal" / "sweeps" / "counting" / "count"


@pytest.fixture
def copy(rehearsed: Path, here: Path, storage: LocalStorage) -> Path:
    """Return an output folder with the copy of the sweep that its supervisor kept here."""
    shutil.copytree(rehearsed / "sweeps", here / "copy" / "sweeps")
    return here / "copy"


def winner(bucket: Path, stage: int) -> str:
    state = json.loads((bucket / "_sweep_state.json").read_text())
    return str(state["stages"][stage - 1]["winner"]["trial"]["trial_id"])


@pytest.mark.parametrize(
    "named",
    [
        f"{SWEEP}/stage2/{{winner}}/models/best_model.zip",
        f"{SWEEP}/stage2/{{winner}}/models/best_model.manifest.json",
        f"{SWEEP}/stage2/{{winner}}",
        f"{SWEEP}/stage2/{{winner}}/models",
        f"{SWEEP}/stage2",
    ],
)
def test_a_checkpoint_in_a_bucket_is_evaluated_by_any_of_its_names(
    mesosweep: Mesosweep, bucket: Path, named: str
) -> None:
    record = json.loads((bucket / "stage2" / winner(bucket, 2) / "metrics.json").read_text())

    said = mesosweep(
        "evaluate", named.format(winner=winner(bucket, 2)), "--block", "test", "--json"
    )

    assert said.code == 0, said.err
    assert json.loads(said.out)["score"]["mean_reward"] == record["test_mean_reward"]


@pytest.mark.parametrize(
    "words",
    [
        (SWEEP,),
        ("gs://rehearsal", "--species", "counting"),
        ("--output-dir", "gs://rehearsal"),
        ("stage3", "--output-dir", "gs://rehearsal"),
    ],
)
def test_without_more_it_is_the_winner_of_the_last_stage(
    mesosweep: Mesosweep, bucket: Path, words: tuple[str, ...]
) -> None:
    said = mesosweep("evaluate", *words, "--episodes", "4", "--json")

    assert said.code == 0, said.err
    assert json.loads(said.out)["stage"] == 3


@pytest.mark.parametrize("named", ["stage1", "stage1/2", None])
def test_a_copy_of_a_sweep_that_ran_elsewhere_knows_where_its_checkpoints_are(
    mesosweep: Mesosweep, copy: Path, named: str | None
) -> None:
    words = () if named is None else (named,)

    said = mesosweep("evaluate", *words, "--output-dir", str(copy), "--episodes", "4", "--json")

    assert said.code == 0, said.err
    assert json.loads(said.out)["stage"] == (3 if named is None else 1)


@pytest.mark.parametrize(
    ("where", "told"),
    [
        (f"{SWEEP}/stage1/1/models/none.zip", "no such checkpoint"),
        (f"{SWEEP}/stage1/77", "this trial has no checkpoint (yet)"),
        (f"{SWEEP}/stage9", "stage 9 has no winner yet"),
        ("gs://rehearsal/elsewhere", "No such sweep below"),
    ],
)
@pytest.mark.usefixtures("storage")
def test_what_is_not_in_the_bucket_is_one_line(mesosweep: Mesosweep, where: str, told: str) -> None:
    said = mesosweep("evaluate", where)

    assert said.code == 2
    assert told in said.error


@pytest.mark.usefixtures("storage")
def test_a_bucket_that_is_not_there_is_one_line(mesosweep: Mesosweep) -> None:
    said = mesosweep("evaluate", "gs://no-such-bucket/sweeps/counting/count/stage1")

    assert said.code == 4
    assert "there is no such bucket" in said.error


@pytest.mark.usefixtures("storage")
def test_a_checkpoint_in_a_bucket_is_rendered_and_exported_like_one_here(
    mesosweep: Mesosweep,
) -> None:
    # The species draws no pictures, and the zoo knows no such algorithm: both opened it.
    drawn = mesosweep("render", f"{SWEEP}/stage3")
    zoo = mesosweep("export", "zoo", "logs", f"{SWEEP}/stage3")
    every = mesosweep("export", "zoo", "logs", "--output-dir", "gs://rehearsal")

    assert "draws no pictures" in drawn.error
    assert "none that rl-baselines3-zoo knows" in zoo.error
    assert "none that rl-baselines3-zoo knows" in every.error


@pytest.mark.usefixtures("storage")
def test_what_a_sweep_in_a_bucket_found_is_written_out(mesosweep: Mesosweep, here: Path) -> None:
    said = mesosweep("export", "stages", "found", "--output-dir", SWEEP)

    assert said.code == 0, said.err
    assert "# Found by mesosweep: counting" in (here / "found/stage1_balance.toml").read_text()


@pytest.mark.usefixtures("storage")
def test_a_production_run_begins_with_what_a_sweep_in_a_bucket_found(here: Path) -> None:
    trained = by_itself(
        *("train", "--from", SWEEP, "--timesteps", "20", "--eval-freq", "10", "--no-check"),
        *("--panel-episodes", "4", "--test-episodes", "4", "--passes", "0"),
        cwd=here,
    )

    assert trained.returncode == 0, trained.stderr
    (found,) = (here / "train/counting/count").glob("found-*")
    assert "# Found by mesosweep" in next(found.glob("stage1_*.toml")).read_text()


@pytest.mark.usefixtures("storage")
def test_a_sweep_in_a_bucket_cannot_be_verified_and_that_is_said(mesosweep: Mesosweep) -> None:
    said = mesosweep("verify", SWEEP, "--stage", "1")

    assert said.code == 2
    assert f"{SWEEP}: a sweep in a bucket cannot be verified" in said.error
    assert f"mesosweep train --from {SWEEP}" in said.err


def test_skills_of_winners_in_a_bucket_are_played_once_and_kept_there(
    mesosweep: Mesosweep, bucket: Path
) -> None:
    first = mesosweep("report", SWEEP, "--skills")
    again = mesosweep("report", SWEEP, "--skills")

    assert first.code == 0, first.err
    assert first.err.count("Playing the winner of") == 3
    assert len(json.loads((bucket / "skills.json").read_text())["played"]) == 3
    assert (bucket / "report.html").is_file()
    assert "Playing" not in again.err


def test_trials_here_start_from_a_checkpoint_in_a_bucket(
    mesosweep: Mesosweep, bucket: Path, here: Path
) -> None:
    load = f"{SWEEP}/stage1/{winner(bucket, 1)}/models/best_model.zip"
    words = (*COUNTING[1:], "--sampler", "random", "--stage", "2", "--load", load)

    planned = mesosweep("plan", *(word for word in words if word != "--no-check"), "--json")
    launched = by_itself("launch", *words, cwd=here)

    assert planned.code == 0, planned.err
    assert launched.returncode == 0, launched.stderr
    (record, *_) = (here / "sweeps/counting/count/stage2").glob("*/metrics.json")
    assert json.loads(record.read_text())["parent"]["uri"] == load


@pytest.mark.usefixtures("storage")
def test_trials_here_do_not_start_from_one_that_is_not_there(
    mesosweep: Mesosweep, here: Path
) -> None:
    words = (*COUNTING[1:], "--sampler", "random", "--stage", "2")

    said = mesosweep("launch", *words, "--load", f"{SWEEP}/stage1/77/models/best_model.zip")

    assert said.code == 5
    assert "best_model" in said.error
    assert not list(here.glob("sweeps/counting/count/stage2*"))


@pytest.mark.parametrize(
    "words",
    [
        (f"{SWEEP}/stage1/2",),
        (f"{SWEEP}/stage1/2/worker.log",),
        ("stage1/2", "--output-dir", "gs://rehearsal"),
        ("2", "--stage", "1", "--output-dir", SWEEP),
    ],
)
def test_a_log_is_read_from_the_bucket(
    mesosweep: Mesosweep, bucket: Path, words: tuple[str, ...]
) -> None:
    (bucket / "stage1/2/worker.log").write_text("".join(f"line {n}\n" for n in range(9)))

    said = mesosweep("logs", *words, "--lines", "2")

    assert said.code == 0, said.err
    assert said.out == "line 7\nline 8\n"
    first, last = said.err.splitlines()
    assert first == f"{SWEEP}/stage1/2/worker.log"
    assert "https://console.cloud.google.com/logs/query;query=resource.type" in last


def test_a_log_of_a_sweep_that_ran_elsewhere_is_the_one_in_the_bucket(
    mesosweep: Mesosweep, bucket: Path, copy: Path
) -> None:
    (bucket / "stage1/2/worker.log").write_text("what it says by now\n")

    said = mesosweep("logs", "1/2", "--output-dir", str(copy))

    assert said.out == "what it says by now\n"


def test_a_log_is_the_copy_here_where_the_bucket_does_not_answer(
    mesosweep: Mesosweep, storage: LocalStorage, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mesosweep.stores.gcs_client as gcs_client

    monkeypatch.setattr(gcs_client, "PAUSES_S", ())
    (copy / "sweeps/counting/count/stage1/2/worker.log").write_text("what it said\n")
    storage.play(StorageScript(unreachable=True))

    said = mesosweep("logs", "stage1/2", "--output-dir", str(copy))

    assert said.code == 0
    assert said.out == "what it said\n"
    assert "This is the copy in" in said.err


def test_where_a_trial_left_no_log_it_is_said_where_its_container_speaks(
    mesosweep: Mesosweep, bucket: Path
) -> None:
    (bucket / "stage1/2/worker.log").unlink()

    said = mesosweep("logs", f"{SWEEP}/stage1/2")

    assert said.code == 2
    assert "there is no log (yet)" in said.error
    assert "console.cloud.google.com/logs" in said.err
