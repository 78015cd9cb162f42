"""Progress is appended in whole lines and followed from the end."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.score import Score
from mesosweep.domain.trial import Evaluation, Progress
from mesosweep.records.progress import ProgressWriter, latest_progress, read_tail

EVALUATION = Evaluation(100, Score(10, 5.5, 1.0, 20.0, 1.0, None, {"drift": 0.5}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trial" / "progress.jsonl"


def test_what_was_told_last_is_what_is_read(path: Path) -> None:
    with ProgressWriter(path) as writer:
        writer.tell(Progress(step=100))
        writer.tell(Progress(200, 512.5, EVALUATION), {"learning_rate": 1e-4})

    assert latest_progress(path) == Progress(200, 512.5, EVALUATION)
    assert latest_progress(path).last_evaluation == EVALUATION  # type: ignore[union-attr]  # compared above
    assert read_tail(path)[-1]["values"] == {"learning_rate": 1e-4}


def test_who_has_not_begun_has_no_progress(path: Path) -> None:
    assert latest_progress(path) is None
    assert read_tail(path) == ()


def test_lines_are_there_before_the_writer_closes(path: Path) -> None:
    writer = ProgressWriter(path)
    writer.tell(Progress(step=1))

    assert latest_progress(path) == Progress(step=1)

    writer.close()


def test_a_torn_line_is_passed_over_and_closed_by_the_next_writer(path: Path) -> None:
    with ProgressWriter(path) as writer:
        writer.tell(Progress(step=1))
    with path.open("a") as file:
        file.write('{"step": 2, "ste')

    assert latest_progress(path) == Progress(step=1)
    with ProgressWriter(path) as writer:
        writer.tell(Progress(step=3))
    assert [line["step"] for line in read_tail(path)] == [1, 3]


def test_numbers_that_are_none_are_null(path: Path) -> None:
    with ProgressWriter(path) as writer:
        writer.tell(Progress(step=1, steps_per_s=math.inf), {"loss": math.nan})

    (line,) = (json.loads(text) for text in path.read_text().splitlines())
    assert line["steps_per_s"] is None
    assert line["values"]["loss"] is None


@given(count=st.integers(0, 60), limit=st.integers(1, 2_000))
def test_the_tail_is_the_last_whole_lines_that_fit(
    count: int, limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tail") / "progress.jsonl"
    with ProgressWriter(path) as writer:
        for step in range(count):
            writer.tell(Progress(step=step))
    lines, fitting, room = path.read_bytes().splitlines(keepends=True), 0, limit
    while fitting < count and len(lines[-1 - fitting]) <= room:
        room -= len(lines[-1 - fitting])
        fitting += 1

    found = [line["step"] for line in read_tail(path, limit=limit)]

    assert found == list(range(count))[count - fitting :]


@pytest.mark.parametrize("line", ["7", "null", "[1]", "{}", '{"step": "x"}', "\x00"])
def test_a_line_of_another_kind_is_passed_over(path: Path, line: str) -> None:
    with ProgressWriter(path) as writer:
        writer.tell(Progress(step=1))
    with path.open("a") as file:
        file.write(line + "\n")

    assert latest_progress(path) == Progress(step=1)


def test_a_damaged_evaluation_does_not_hide_the_step(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"step": 5, "steps_per_s": 2.0, "last_evaluation": {"step": 1}}\n')

    assert latest_progress(path) == Progress(5, 2.0)
