"""What a plan says of the time that a sweep takes."""

from __future__ import annotations

import io

from rich.console import Console

from mesosweep.report.bill import Bill
from mesosweep.report.cost import cost_of
from mesosweep.report.plan import plan_view
from mesosweep.report.plan_document import plan_document
from mesosweep.report.summary import show
from mesosweep.settings.advice import SideBySide
from mesosweep.testing.story import Story
from mesosweep.worker.check import StageCheck

CHECK = StageCheck(
    stage=1, corners=3, horizon=100, steps_per_s=1000.0, playing_steps_per_s=10_000.0
)
SIDES = (SideBySide(1, 1000.0, 1), SideBySide(2, 800.0, 1))


def test_trials_that_slow_each_other_take_longer(story: Story) -> None:
    stage = story.plan.stages[0]  # four trials, two at a time

    alone = cost_of(stage, CHECK)
    beside = cost_of(stage, CHECK, SIDES)

    assert alone.seconds is not None
    assert beside.seconds == alone.seconds / 0.8
    assert (alone.share_of_alone, beside.share_of_alone) == (None, 0.8)


def test_one_trial_at_a_time_has_the_machine_to_itself() -> None:
    stage = Story(parallel=1).plan.stages[0]

    assert cost_of(stage, CHECK, SIDES) == cost_of(stage, CHECK)
    assert cost_of(stage, CHECK).share_of_alone == 1.0


def test_the_plan_says_what_its_time_rests_on(story: Story) -> None:
    measured = dict.fromkeys((1, 2, 3), CHECK)

    guessed = text(plan_view(story.plan, measured))
    known = text(plan_view(story.plan, measured, dict.fromkeys((1, 2, 3), SIDES)))

    assert "to know: mesosweep bench --species velociraptor --algorithm ppo" in guessed
    assert "mesosweep bench" not in known
    assert "80% of it beside others" in known


def test_what_a_plan_costs_elsewhere_is_told_by_stage_and_in_all(story: Story) -> None:
    price = "SPOT at $0.0920 an hour, prices of 22 November 2026"
    bill = Bill("n1-standard-8", "us-central1, project p", price, {1: 1.5, 2: 2.5, 3: 4.25})
    measured = dict.fromkeys((1, 2, 3), CHECK)

    told = text(plan_view(story.plan, measured, bill=bill))
    document = plan_document(story.plan, measured, bill=bill)

    assert "n1-standard-8 in us-central1, project p · SPOT" in told
    assert "~$4.25" in told
    assert f"Cost in all: ~$8.25, {price}" in told
    assert "1k steps/s" in told
    assert "mesosweep bench" not in told
    assert (document["bill"]["total_usd"], document["bill"]["usd"]["1"]) == (8.25, 1.5)


def test_a_part_of_the_cost_is_no_total(story: Story) -> None:
    bill = Bill("n1-standard-8", "us-central1, project p", "no known price", {1: 1.5})

    assert bill.total_usd(story.plan) is None
    assert "Cost in all: unmeasured" in text(plan_view(story.plan, bill=bill))


def test_programs_are_told_the_same(story: Story) -> None:
    told = plan_document(story.plan, {1: CHECK}, {1: SIDES})

    assert told["stages"][0]["share_of_alone"] == 0.8
    assert told["stages"][1]["share_of_alone"] is None


def text(parts: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(console, parts)  # type: ignore[arg-type]  # renderables
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()
