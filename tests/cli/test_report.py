"""`mesosweep report` writes one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.testing.command import Mesosweep
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


def test_the_page_lies_in_the_sweeps_folder(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=2))

    said = mesosweep("report", str(root))

    assert said.code == 0
    assert said.out.strip() == str(root / "report.html")
    assert (root / "report.html").read_text().startswith("<!doctype html>")


def test_it_can_be_put_elsewhere_with_a_video(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=1))
    (here / "walk.gif").write_bytes(b"GIF89a")

    said = mesosweep("report", str(root), "--out", "page.html", "--video", "walk.gif")

    assert said.code == 0
    assert "data:image/gif;base64," in (here / "page.html").read_text()


def test_a_video_that_is_not_there_is_a_mistake_of_the_user(
    mesosweep: Mesosweep, here: Path
) -> None:
    root = make_up_sweep(here, MadeUp(trials=1))

    said = mesosweep("report", str(root), "--video", "walk.mp4")

    assert said.code == 2
    assert "walk.mp4" in said.error
    assert not (root / "report.html").exists()


def test_a_file_that_no_page_shows_is_refused(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=1))

    said = mesosweep("report", str(root), "--video", "walk.avi")

    assert said.code == 2
    assert ".mp4" in said.err


def test_a_damaged_state_is_told_and_no_winner_is_denied(mesosweep: Mesosweep, here: Path) -> None:
    root = make_up_sweep(here, MadeUp(trials=2))
    (state,) = root.glob("sweep_state_*.json")
    state.write_text("{")

    said = mesosweep("report", str(root))

    page = (root / "report.html").read_text()
    assert said.code == 0
    assert "cannot tell who won" in said.err
    assert "Who won is not known here" in page
    assert "No stage has a winner yet" not in page


@pytest.mark.slow
def test_winners_are_played_on_earlier_stages_once(mesosweep: Mesosweep, here: Path) -> None:
    sweep = mesosweep(
        *("run-all", "--species", "counting", "--algorithm", "count", "--trials", "1"),
        *("--timesteps", "20", "--eval-freq", "10", "--panel-episodes", "4"),
        *("--test-episodes", "4", "--no-check"),
    )
    assert sweep.code == 0, sweep.err

    first = mesosweep("report", "sweeps", "--skills")
    again = mesosweep("report", "sweeps", "--skills")

    assert first.code == 0, first.err
    assert "Playing the winner of" in first.err
    assert again.err == ""
    page = (here / "sweeps" / "report.html").read_text()
    assert "its own winner, verified (4)" in page
