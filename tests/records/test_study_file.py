"""The document of a study: what a worker elsewhere checks itself against."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mesosweep.domain.errors import StateDamaged
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.study import Study
from mesosweep.records.study_file import (
    Installed,
    StudyFile,
    problems,
    read_study_file,
    study_file,
    written,
)
from mesosweep.testing.plans import a_plan

WHERE = "gs://b/stage1/study.json"
CONFIG = {"name": "balance", "env": {"target": 1.0}, "hyperparameters": {"gain": 0.5}}


@pytest.fixture
def plan() -> SweepPlan:
    stage = {**CONFIG, "space": {}, "settings": {"timesteps": 100}}
    return a_plan(
        comparables={
            "species_version": "0.1.0",
            "species_code": "abcdef012345",
            "stages": {"1": stage},
        }
    )


@pytest.fixture
def study(plan: SweepPlan) -> Study:
    return plan.study(plan.stages[0], attempt=0, load=None, fixed={})


@pytest.fixture
def file(study: Study, plan: SweepPlan) -> StudyFile:
    return study_file(study, plan, core="1.0", attempt=2)


def found(file: StudyFile, **others: Any) -> tuple[str, ...]:
    """Return the problems of a worker that has all it needs, but for `others`."""
    ours = {"installed": file.installed, "config": CONFIG, "given": list(file.declared)}
    return problems(file, **{**ours, **others})


def test_it_tells_what_was_planned(file: StudyFile, study: Study, plan: SweepPlan) -> None:
    assert (file.study, file.fingerprint) == (study.key, plan.fingerprint)
    assert (file.attempt, file.stage) == (2, 1)
    assert file.installed == Installed("1.0", "0.1.0", "abcdef012345")
    assert file.config == CONFIG
    assert dict(file.declared) == study.space.entries()


def test_it_is_read_as_it_was_written(file: StudyFile) -> None:
    assert read_study_file(written(file), where=WHERE) == file
    assert written(read_study_file(written(file), where=WHERE)) == written(file)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"version": 1}', '{"version": 1, "st'])
def test_what_cannot_be_believed_is_damaged(text: str) -> None:
    with pytest.raises(StateDamaged, match=WHERE):
        read_study_file(text, where=WHERE)


def test_one_of_a_later_version_says_so(file: StudyFile) -> None:
    text = json.dumps({**json.loads(written(file)), "version": 9})

    with pytest.raises(StateDamaged, match="version 9; this mesosweep reads 1"):
        read_study_file(text, where=WHERE)


def test_a_worker_that_has_all_of_it_has_no_problem(file: StudyFile) -> None:
    assert found(file) == ()


@pytest.mark.parametrize(
    ("installed", "told"),
    [
        (Installed("2.0", "0.1.0", "abcdef012345"), "planned with mesosweep 1.0"),
        (Installed("1.0", "0.2.0", "999999999999"), "planned with counting 0.1.0"),
        (Installed("1.0", "0.1.0", "999999999999"), "its files have digest abcdef012345"),
    ],
)
def test_an_image_with_something_else_in_it_is_told_apart(
    file: StudyFile, installed: Installed, told: str
) -> None:
    (problem,) = found(file, installed=installed)

    assert told in problem
    assert "\n" not in problem


def test_a_parameter_that_did_not_arrive_is_named(file: StudyFile) -> None:
    assert found(file, given=["count_gain"]) == ("--count_net_arch did not arrive",)


def test_so_is_one_that_nobody_declared(file: StudyFile) -> None:
    (problem,) = found(file, given=[*file.declared, "count_gian"])

    assert problem == "--count_gian is no parameter of the study. Did you mean 'count_gain'?"


def test_what_a_checkpoint_fixes_has_to_arrive_too(file: StudyFile) -> None:
    fixing = replace(file, fixed={"count_depth": 3})

    assert found(fixing) == ("--count_depth did not arrive",)


def test_a_stage_that_is_resolved_otherwise_is_told_by_its_differences(file: StudyFile) -> None:
    other = {**CONFIG, "env": {"target": 2.0}}

    assert found(file, config=other) == ("stage1 → env.target: 1.0 → 2.0 (planned → here)",)


def test_many_differences_are_not_all_told(file: StudyFile) -> None:
    other = {**CONFIG, "env": {f"setting{n}": n for n in range(9)}}

    assert found(file, config=other)[-1] == "stage1 → … and 5 more differences"
