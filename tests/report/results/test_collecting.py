"""Every trial below a folder becomes a row, in whichever layout it lies and state it is in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesosweep.domain.errors import UsageError
from mesosweep.domain.events import WinnerPromoted
from mesosweep.report.results.collecting import collect, stages_without_trials
from mesosweep.report.results.reading import Named
from mesosweep.report.results.rows import Row, best_of, studies
from mesosweep.stores.file import FileStore
from mesosweep.testing.sweeps import MadeUp, make_up_sweep

GOOD = {"best_mean_reward": 120.0, "best_mean_episode_length": 640.0, "last_mean_reward": 90.0}
GATE = {"min_avg_reward": 100.0, "min_avg_episode_length": 500.0}


def put(folder: Path, *, metrics: Any = None, config: Any = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, told in (("metrics", metrics), ("stage_config", config)):
        if told is not None:
            text = told if isinstance(told, str) else json.dumps(told)
            (folder / f"{name}.json").write_text(text)
    return folder


def only(rows: tuple[Row, ...]) -> Row:
    (row,) = rows
    return row


def test_a_sweep_gives_one_row_per_trial_in_order(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=12))

    rows = collect(root)

    assert [(row.stage, row.trial_id) for row in rows] == [
        (stage, str(number)) for stage in (1, 2, 3) for number in range(12)
    ]
    assert {(row.species, row.algorithm, row.attempt) for row in rows} == {
        ("velociraptor", "ppo", 0)
    }


def test_whom_a_person_made_the_winner_goes_before_whoever_scored_best(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=6))
    store = FileStore(root)
    loaded = store.load("sweep_state_velociraptor_ppo")
    assert loaded is not None
    state, version = loaded
    first = state.stage(1)
    assert first.winner is not None
    other = next(
        trial
        for trial in first.trials
        if trial.status == "finished" and trial.identity != first.winner.trial.identity
    )
    promoted = state.after(WinnerPromoted(1, replace(first.winner, trial=other)))
    store.save("sweep_state_velociraptor_ppo", promoted, replacing=version)

    rows = [row for row in collect(root) if row.stage == 1]

    best = best_of(rows)
    assert best is not None
    assert best.trial_id == other.trial_id


@pytest.mark.parametrize("where", ["", "sweeps", "sweeps/velociraptor"])
def test_a_folder_above_collects_every_algorithm_below_it(tmp_path: Path, where: str) -> None:
    make_up_sweep(tmp_path, MadeUp(trials=2))
    make_up_sweep(tmp_path, MadeUp(trials=3, algorithm="sac"))

    rows = collect(tmp_path / where)

    counts = {name: sum(row.algorithm == name for row in rows) for name in ("ppo", "sac")}
    assert counts == {"ppo": 6, "sac": 9}


def test_stages_right_below_a_species_are_read_too(tmp_path: Path) -> None:
    species = tmp_path / "sweeps" / "trex"
    put(species / "stage1" / "1", metrics=GOOD)
    put(species / "stage2" / "10", metrics=GOOD)
    put(species / "stage2" / "9", metrics=GOOD)

    rows = collect(species)

    assert [(row.species, row.algorithm, row.stage, row.trial_id) for row in rows] == [
        ("trex", "unknown", 1, "1"),
        ("trex", "unknown", 2, "9"),
        ("trex", "unknown", 2, "10"),
    ]


def test_a_stage_that_is_a_single_trial_is_one_row(tmp_path: Path) -> None:
    put(tmp_path / "stage1" / "models")
    put(tmp_path / "stage1", metrics={**GOOD, "trial_id": "local"}, config={"name": "balance"})

    row = only(collect(tmp_path))

    assert (row.stage, row.trial_id, row.stage_name) == (1, "local", "balance")
    assert row.best_mean_reward == 120.0


@pytest.mark.parametrize("where", ["", "train", "train/dodo", "train/dodo/ppo"])
def test_each_seed_of_a_production_run_is_a_curriculum_of_its_own(
    tmp_path: Path, where: str
) -> None:
    for seed in (7, 8):
        for stage in (1, 2):
            folder = tmp_path / f"train/dodo/ppo/seed{seed}/stage{stage}/1"
            put(folder, metrics={**GOOD, "best_mean_reward": 100.0 * seed, "seed": 12345})

    rows = collect(tmp_path / where)

    assert [(row.run_seed, row.stage, row.best_mean_reward) for row in rows] == [
        (7, 1, 700.0),
        (7, 2, 700.0),
        (8, 1, 800.0),
        (8, 2, 800.0),
    ]
    assert {(row.species, row.algorithm) for row in rows} == {("dodo", "ppo")}
    assert {len(found) for found in studies(rows).values()} == {1}
    # The seed that a trial itself was trained from is another one.
    assert rows[0].metrics["seed"] == 12345


def test_a_sweep_and_its_production_run_are_not_mixed(tmp_path: Path) -> None:
    make_up_sweep(tmp_path, MadeUp(trials=2))
    put(tmp_path / "train/velociraptor/ppo/seed42/stage1/1", metrics=GOOD)

    of_stage_1 = {
        place.run_seed: len(found)
        for place, found in studies(collect(tmp_path)).items()
        if place.stage == 1
    }

    assert of_stage_1 == {None: 2, 42: 1}


def test_later_attempts_are_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "stage1" / "1", metrics=GOOD)
    put(tmp_path / "stage1_a2" / "1", metrics=GOOD)

    assert [row.attempt for row in collect(tmp_path)] == [0, 2]


def test_only_the_stages_asked_for_are_collected(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=2))

    assert {row.stage for row in collect(root, stages=(1, 3))} == {1, 3}


def test_stages_asked_for_that_are_not_there_can_be_named(tmp_path: Path) -> None:
    rows = collect(make_up_sweep(tmp_path, MadeUp(trials=1)), stages=(9, 1, 7))

    assert {row.stage for row in rows} == {1}
    assert stages_without_trials(rows, (9, 1, 7)) == (7, 9)
    assert stages_without_trials(rows, ()) == ()


class TestNames:
    """They come from the trial's own configuration, then from the user, then from folders."""

    def test_the_trial_itself_comes_first(self, tmp_path: Path) -> None:
        put(
            tmp_path / "sweeps" / "dodo" / "sac" / "stage1" / "1",
            metrics=GOOD,
            config={"species": "trex", "algorithm": "ppo"},
        )

        row = only(collect(tmp_path, named=Named("moa", "tqc")))

        assert (row.species, row.algorithm) == ("trex", "ppo")

    def test_the_user_comes_before_the_folders(self, tmp_path: Path) -> None:
        put(tmp_path / "sweeps" / "dodo" / "sac" / "stage1" / "1", metrics=GOOD)

        row = only(collect(tmp_path, named=Named("moa", "tqc")))

        assert (row.species, row.algorithm) == ("moa", "tqc")

    @pytest.mark.parametrize(
        ("folder", "names"),
        [
            ("sweeps/dodo/sac", ("dodo", "sac")),
            ("sweeps/dodo/mine", ("dodo", "mine")),
            ("elsewhere/dodo/sac", ("dodo", "sac")),
            ("elsewhere/dodo", ("dodo", "unknown")),
        ],
    )
    def test_folders_come_last(self, tmp_path: Path, folder: str, names: tuple[str, str]) -> None:
        put(tmp_path / folder / "stage1" / "1", metrics=GOOD)

        row = only(collect(tmp_path / folder))

        assert (row.species, row.algorithm) == names


class TestParameters:
    def test_everything_resolved_is_told_by_the_names_of_search_spaces(
        self, tmp_path: Path
    ) -> None:
        told = {
            **GOOD,
            "parameters": {"ppo.gamma": 0.98, "ppo.net_arch": "[64, 64]", "env.alive_bonus": 2.0},
            "assignment": {"ppo_net_arch": "small"},
        }
        put(tmp_path / "stage1" / "1", metrics=told)

        row = only(collect(tmp_path))

        assert row.parameters == {
            "ppo_gamma": 0.98,
            "ppo_net_arch": "small",
            "env_alive_bonus": 2.0,
        }
        assert row.searched == ("ppo_net_arch",)

    def test_a_record_without_them_is_completed_from_the_configuration(
        self, tmp_path: Path
    ) -> None:
        config = {
            "algorithm": "ppo",
            "hyperparameters": {"gamma": 0.98, "net_arch": [64, 64]},
            "reward_weights": {"alive_bonus": 2.0},
        }
        put(tmp_path / "stage1" / "1", metrics=GOOD, config=config)

        assert only(collect(tmp_path)).parameters == {
            "ppo_gamma": 0.98,
            "ppo_net_arch": "[64, 64]",
            "env_alive_bonus": 2.0,
        }


class TestVerdict:
    def test_thresholds_come_from_the_saved_state(self, tmp_path: Path) -> None:
        root = make_up_sweep(tmp_path, MadeUp(trials=1))

        gates = {row.stage: row.gate for row in collect(root)}

        assert gates[1] is not None
        assert (gates[1].min_avg_reward, gates[1].min_avg_episode_length) == (500.0, 400.0)
        assert gates[3] is not None
        assert gates[3].min_success_rate == 0.5

    @pytest.mark.parametrize("config", [{"gate": GATE}, {"curriculum": GATE}])
    @pytest.mark.parametrize(("reward", "passed"), [(120.0, True), (99.0, False), (None, False)])
    def test_a_record_without_a_verdict_is_judged(
        self, tmp_path: Path, config: dict[str, Any], reward: float | None, passed: bool
    ) -> None:
        put(tmp_path / "stage1" / "1", metrics={**GOOD, "best_mean_reward": reward}, config=config)

        assert only(collect(tmp_path)).passed is passed

    def test_the_verdict_of_the_record_stands(self, tmp_path: Path) -> None:
        told = {**GOOD, "gate": {"passed": False, "reasons": ["reward 90 below 100"]}}
        put(tmp_path / "stage1" / "1", metrics=told, config={"gate": GATE})

        row = only(collect(tmp_path))

        assert row.passed is False
        assert row.gate_reasons == ("reward 90 below 100",)

    def test_not_a_number_never_passes(self, tmp_path: Path) -> None:
        text = json.dumps({**GOOD, "best_mean_reward": float("nan")})
        put(tmp_path / "stage1" / "1", metrics=text, config={"gate": GATE})

        row = only(collect(tmp_path))

        assert row.passed is False
        assert row.best_mean_reward is None

    def test_without_thresholds_nothing_is_claimed(self, tmp_path: Path) -> None:
        put(tmp_path / "stage1" / "1", metrics=GOOD)

        assert only(collect(tmp_path)).passed is None

    @pytest.mark.parametrize("status", ["failed", "diverged", "timed_out", "stopped"])
    def test_what_did_not_finish_does_not_pass(self, tmp_path: Path, status: str) -> None:
        put(tmp_path / "stage1" / "1", metrics={**GOOD, "status": status, "reason": "why"})

        row = only(collect(tmp_path))

        assert (row.status, row.passed, row.reason) == (status, False, "why")


class TestDamage:
    """What cannot be read is told with its reason, and never stands as a number."""

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ('{"best_mean_reward": 12', "metrics.json cannot be read"),
            ("[]", "metrics.json is not a trial's record"),
            ("{}", "metrics.json tells neither status nor best_mean_reward"),
            ('{"status": "glorious"}', "metrics.json has status 'glorious'"),
            ('{"status": ["finished"]}', "metrics.json has status ['finished']"),
        ],
    )
    def test_a_damaged_record(self, tmp_path: Path, text: str, reason: str) -> None:
        put(tmp_path / "stage1" / "1", metrics=text)
        put(tmp_path / "stage1" / "2", metrics=GOOD)

        damaged, good = collect(tmp_path)

        assert damaged.status == "unreadable"
        assert damaged.reason is not None
        assert damaged.reason.startswith(reason)
        assert damaged.best_mean_reward is None
        assert damaged.passed is None
        assert good.best_mean_reward == 120.0

    @pytest.mark.parametrize("text", ["{", "[]", ""])
    def test_a_damaged_stage_config_leaves_the_row_and_says_so(
        self, tmp_path: Path, text: str
    ) -> None:
        for trial, metrics in (("1", GOOD), ("2", None)):
            folder = put(tmp_path / "stage1" / trial, metrics=metrics)
            (folder / "stage_config.json").write_text(text)
        put(tmp_path / "stage1" / "3", metrics=GOOD)

        good, unfinished, whole = collect(tmp_path)

        assert (good.status, good.best_mean_reward) == ("finished", 120.0)
        assert good.reason is not None
        assert good.reason.startswith("stage_config.json cannot be read")
        assert unfinished.reason is not None
        assert unfinished.reason.startswith("stage_config.json cannot be read; no metrics.json")
        assert whole.reason is None

    @pytest.mark.parametrize("told", [{}, {"best_mean_reward": None}])
    def test_a_finished_trial_without_a_score_has_no_result(
        self, tmp_path: Path, told: dict[str, Any]
    ) -> None:
        put(tmp_path / "stage1" / "1", metrics={"status": "finished", **told})

        row = only(collect(tmp_path))

        assert not row.has_result
        assert row.ending == "finished without a score"
        assert row.reason == "no finite best_mean_reward was recorded"
        assert best_of([row]) is None

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        (put(tmp_path / "stage1" / "1") / "metrics.json").write_bytes(b"\xff\xfe\x00")

        assert only(collect(tmp_path)).status == "unreadable"

    def test_a_trial_that_has_not_ended_tells_how_far_it_came(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "stage1" / "1", config={"run": {"timesteps": 500_000}})
        (folder / "progress.jsonl").write_text('{"step":123456,"steps_per_s":1.0}\n{"step":1234')

        row = only(collect(tmp_path))

        assert row.status == "unfinished"
        assert row.reason == (
            "no metrics.json; its last sign of life was at step 123,456 of 500,000"
        )

    def test_an_empty_folder_of_a_trial(self, tmp_path: Path) -> None:
        put(tmp_path / "stage1" / "7")

        row = only(collect(tmp_path))

        assert (row.trial_id, row.reason) == ("7", "no metrics.json; it had not begun")

    def test_a_panel_that_cannot_be_read_is_none(self, tmp_path: Path) -> None:
        put(tmp_path / "stage1" / "1", metrics={**GOOD, "panel": {"episodes": 30}})

        row = only(collect(tmp_path))

        assert (row.panel, row.best_mean_reward) == (None, 120.0)

    def test_damaged_neighbours_do_not_matter(self, tmp_path: Path) -> None:
        root = make_up_sweep(tmp_path, MadeUp(trials=1))
        (root / "sweep_state_velociraptor_ppo.json").write_text("{")
        (root / "stage1" / "study.json").write_text("[1]")
        (root / "stage1" / "notes.txt").write_text("mine")
        (root / "stage1" / "0" / "stage_config.json").write_text("{")
        (root / "stage1" / "0" / "order.json").write_text("")

        assert len(collect(root)) == 3


class TestNothingFound:
    def test_no_such_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="there is no such folder"):
            collect(tmp_path / "nowhere")

    def test_no_stage(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no stage<N> folder"):
            collect(tmp_path)

    def test_no_trial(self, tmp_path: Path) -> None:
        (tmp_path / "stage1").mkdir()

        with pytest.raises(UsageError, match="hold no trials"):
            collect(tmp_path)

    def test_no_such_stage_tells_which_there_are(self, tmp_path: Path) -> None:
        put(tmp_path / "stage2" / "1", metrics=GOOD)

        with pytest.raises(UsageError, match="no stage 1") as error:
            collect(tmp_path, stages=(1,), shown="gs://b/x")

        assert str(error.value).startswith("gs://b/x: ")
        assert error.value.hint == "There are: 2."
