"""Nothing is spent before it was told what it will be, and somebody agreed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import typer

from mesosweep.backends.vertex.money import quote_of
from mesosweep.backends.vertex.notes import notes_on
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.cli.agreeing import Estimate, agree
from mesosweep.domain.errors import BudgetReached, SettingsError, UsageError
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.trial import Checkpoint
from mesosweep.testing.plans import a_plan
from mesosweep.worker.check import StageCheck

SETTINGS = JobSettings(project="my-project", image="host/repo/trainer:1")
QUOTE = quote_of(SETTINGS, price_file=None)
HOURLY = QUOTE.usd_per_hour or 0.0


@pytest.fixture
def plan() -> SweepPlan:
    return a_plan(root="gs://a-bucket/sweeps/counting/count")


def check(stage: int, *, steps_per_s: float) -> StageCheck:
    return StageCheck(stage, 3, 10, steps_per_s, playing_steps_per_s=1e9)


def estimate(plan: SweepPlan, *, steps_per_s: float = 100 / 3_600, quote: Any = QUOTE) -> Estimate:
    """Of trials that take an hour each, 100 steps at that speed."""
    found = {s.number: check(s.number, steps_per_s=steps_per_s) for s in plan.stages}
    return Estimate.of(plan, None, quote, found)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what a person at a terminal is asked; they say no."""
    questions: list[str] = []

    def confirm(question: str, **_: Any) -> bool:
        questions.append(question)
        return False

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("mesosweep.cli.agreeing.typer.confirm", confirm)
    return questions


def test_the_question_tells_trials_machine_cost_and_strategy(
    plan: SweepPlan, asked: list[str]
) -> None:
    with pytest.raises(UsageError, match="Nothing was submitted"):
        agree(plan, SETTINGS, estimate(plan), spent_usd=0.0, yes=False)

    (question,) = asked
    assert "9 trials on n1-standard-8 in us-central1, project my-project" in question
    assert f"about ${9 * HOURLY:.2f}" in question
    assert "STANDARD" in question


def test_ctrl_c_at_the_question_is_a_no(
    plan: SweepPlan, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(question: str, **_: Any) -> bool:
        raise typer.Abort

    monkeypatch.setattr("mesosweep.cli.agreeing.typer.confirm", leave)

    with pytest.raises(UsageError, match="Nothing was submitted"):
        agree(plan, SETTINGS, estimate(plan), spent_usd=0.0, yes=False)


def test_yes_is_an_answer(plan: SweepPlan, asked: list[str]) -> None:
    agree(plan, SETTINGS, estimate(plan), spent_usd=0.0, yes=True)

    assert asked == []


def test_where_nobody_can_answer_it_is_refused(
    plan: SweepPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

    with pytest.raises(UsageError, match="Nobody is here to agree") as caught:
        agree(plan, SETTINGS, estimate(plan), spent_usd=0.0, yes=False)

    assert "--yes" in (caught.value.hint or "")


def test_what_is_spent_already_counts_towards_the_limit(plan: SweepPlan) -> None:
    limited = replace(plan, max_cost_usd=9 * HOURLY + 0.5)

    agree(limited, SETTINGS, estimate(plan), spent_usd=0.4, yes=True)
    with pytest.raises(BudgetReached, match="are spent"):
        agree(limited, SETTINGS, estimate(plan), spent_usd=0.6, yes=True)


def test_a_limit_without_a_price_is_refused(plan: SweepPlan) -> None:
    nowhere = replace(SETTINGS, location="mars-north1")
    quote = quote_of(nowhere, price_file=None)

    with pytest.raises(UsageError, match="no known STANDARD price") as caught:
        agree(
            replace(plan, max_cost_usd=5.0),
            nowhere,
            estimate(plan, quote=quote),
            spent_usd=0.0,
            yes=True,
        )

    assert "--price-file" in (caught.value.hint or "")


def test_a_stage_that_cannot_be_a_job_is_refused_before_anything_is_asked(
    plan: SweepPlan, asked: list[str]
) -> None:
    first = replace(plan.stages[0], enqueued=({"count_gain": 0.5},))
    wrong = replace(plan, stages=(first, *plan.stages[1:]))

    with pytest.raises(SettingsError, match="--enqueue"):
        agree(wrong, SETTINGS, estimate(plan), spent_usd=0.0, yes=True)

    assert asked == []


def test_what_a_stage_begins_from_changes_nothing_that_is_told(
    plan: SweepPlan, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of this machine are carried into the bucket before they are needed."""
    bundle = Checkpoint("/here/best_model.zip", "best", "1")
    begun = replace(plan, load=bundle)
    known = begun.study(begun.stages[1], attempt=0, load=bundle, fixed={"count_gain": 0.5})

    agree(begun, SETTINGS, estimate(begun), spent_usd=0.0, yes=True)

    told = capsys.readouterr().err.splitlines()
    settings = replace(SETTINGS, trial_s=estimate(begun).trial_s)
    assert [line for line in told if line.startswith("stage2:")] == list(notes_on(known, settings))


def test_a_machine_too_busy_to_be_measured_leaves_the_cost_open(
    plan: SweepPlan, asked: list[str]
) -> None:
    with pytest.raises(UsageError):
        agree(plan, SETTINGS, estimate(plan, steps_per_s=0.0), spent_usd=0.0, yes=False)

    assert "nobody knows how long" in asked[0]
