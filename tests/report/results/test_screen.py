"""What `collect-results` shows: verdicts and scores, and every trial without a result."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from mesosweep.report.results.collecting import collect
from mesosweep.report.results.screen import collected_view
from mesosweep.report.summary import show
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


def shown(root: Path, *, width: int = 120) -> str:
    console = Console(width=width, record=True, force_terminal=False)
    with console.capture() as capture:
        show(console, collected_view(collect(root), width=width))
    return capture.get()


def test_each_stage_is_headed_by_its_gate_and_how_many_passed(tmp_path: Path) -> None:
    text = shown(make_up_sweep(tmp_path, MadeUp(trials=3)))

    assert "velociraptor · ppo · stage 1 balance · 3 trials" in text
    assert "(reward ≥ 500, length ≥ 400)" in text
    assert text.count(" best ") >= 3


def test_a_long_study_shows_its_best_trials(tmp_path: Path) -> None:
    text = shown(make_up_sweep(tmp_path, MadeUp(trials=30)))

    assert text.count("the best 15 of 30; all are in the CSV file") == 3


def test_trials_without_a_result_are_listed_with_their_reason(tmp_path: Path) -> None:
    (tmp_path / "stage1" / "1").mkdir(parents=True)
    (tmp_path / "stage1" / "1" / "metrics.json").write_text("{")

    text = shown(tmp_path)

    assert "1 unreadable: metrics.json cannot be read" in text


def test_a_finished_trial_without_a_score_is_among_them(tmp_path: Path) -> None:
    (tmp_path / "stage1" / "1").mkdir(parents=True)
    (tmp_path / "stage1" / "1" / "metrics.json").write_text('{"status": "finished"}')

    text = shown(tmp_path)

    assert "· 1 trial, 0 passed the gate" in text
    assert "- 1 finished without a score: no finite best_mean_reward was recorded" in text


def test_seeds_of_a_production_run_have_headings_of_their_own(tmp_path: Path) -> None:
    for seed in (1, 2):
        folder = tmp_path / f"train/moa/ppo/seed{seed}/stage1/1"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text('{"best_mean_reward": 5.0}')

    text = shown(tmp_path)

    assert "moa · ppo · seed 1 · stage 1 · 1 trial" in text
    assert "moa · ppo · seed 2 · stage 1 · 1 trial" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_scores_are_whole_at_any_width(tmp_path: Path, width: int) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=3))

    text = shown(root, width=width)

    assert "…" not in text or width >= 100  # only parameters may be cut short
