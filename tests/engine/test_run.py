"""What `run-all` promises, told by the engine alone: no disk, no process, no time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mesosweep.domain import events as e
from mesosweep.domain.errors import (
    BackendError,
    GateNotPassed,
    Interrupted,
    NoTrialFinished,
    PlanMismatch,
    Refused,
    RepeatedFailure,
)
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.score import Gate
from mesosweep.domain.space import Assignment
from mesosweep.domain.state import SweepState
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.engine import run
from mesosweep.testing.backend import FakeBackend, FakeService, lost, rising, scored
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.plans import FakeJudge, a_plan, a_stage
from mesosweep.testing.store import MemoryStore

UNREACHABLE = Gate(min_avg_reward=1e9)


class World:
    """All that outlives a supervisor: a service, a store, a clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.service = FakeService(clock=self.clock)
        self.store = MemoryStore()
        self.judge = FakeJudge()
        self.backend = FakeBackend(self.service)

    def walk(
        self, plan: SweepPlan | None = None, *, stop: Callable[[], bool] = lambda: False
    ) -> list[e.Event]:
        walked = run(
            plan or a_plan(),
            backend=self.backend,
            store=self.store,
            judge=self.judge,
            clock=self.clock,
            stop=stop,
        )
        return list(walked)

    def restarted(self) -> World:
        """The same world after the supervisor died: only its memory is gone."""
        self.backend = FakeBackend(self.service, outcome=self.backend.outcome)
        return self

    def store_state(self) -> SweepState:
        loaded = self.store.load("sweep_state_counting_count")
        assert loaded is not None
        return loaded[0]

    def study_of(self, stage: int) -> Study:
        jobs = [job.study for job in self.service.jobs.values() if job.study.stage == stage]
        return jobs[-1]


@pytest.fixture
def world() -> World:
    return World()


def told(events: list[e.Event], kind: type) -> list[e.Event]:
    return [event for event in events if isinstance(event, kind)]


def test_a_sweep_walks_all_stages_and_names_a_winner_of_each(world: World) -> None:
    events = world.walk()

    winners = [(w.stage, w.winner.trial.trial_id) for w in events if isinstance(w, e.WinnerChosen)]
    assert winners == [(1, "2"), (2, "2"), (3, "2")]
    assert isinstance(events[0], e.SweepStarted)
    assert isinstance(events[-1], e.SweepFinished)


def test_a_stage_starts_from_the_previous_winners_checkpoint(world: World) -> None:
    world.walk()

    assert world.study_of(1).load is None
    for stage in (2, 3):
        load = world.study_of(stage).load
        assert load is not None
        assert load.uri == f"sweeps/counting/count/stage{stage - 1}/2/models/best_model.zip"


def test_the_final_checkpoint_is_handed_on_when_asked_for(world: World) -> None:
    world.walk(a_plan(handoff="final"))

    load = world.study_of(2).load
    assert load is not None
    assert load.uri.endswith("stage1_final.zip")


def test_what_a_checkpoint_fixes_leaves_the_later_spaces(world: World) -> None:
    world.walk()

    first = next(t for t in world.store_state().stage(1).trials if t.trial_id == "2")
    assert world.study_of(2).fixed == {"count_net_arch": first.assignment["count_net_arch"]}
    assert "count_net_arch" not in world.study_of(2).space
    assert world.study_of(3).fixed == world.study_of(2).fixed


def test_every_fact_is_saved_before_it_is_told(world: World) -> None:
    walked = run(
        a_plan(), backend=world.backend, store=world.store, judge=world.judge, clock=world.clock
    )

    for event in walked:
        saved = world.store_state()
        assert saved.after(event) == saved, f"{event} was told before it was saved"


def test_one_poll_is_one_save(world: World) -> None:
    world.walk(a_plan(a_stage(1, trials=40)))

    polls = world.backend.calls.count("poll")
    # started, submitting, submitted, chosen, verified, finished: six more at the most
    assert world.store.saves <= polls + 6


@pytest.mark.parametrize("crash_after", range(1, 40))
def test_a_crash_at_any_event_never_pays_twice(world: World, crash_after: int) -> None:
    unbroken = World()
    unbroken.walk()
    walked = run(
        a_plan(), backend=world.backend, store=world.store, judge=world.judge, clock=world.clock
    )
    for _, _event in zip(range(crash_after), walked, strict=False):
        pass
    walked.close()  # type: ignore[attr-defined]  # a generator, promised as an iterator only

    world.restarted().walk()

    assert world.service.submitted == unbroken.service.submitted
    assert world.store_state().stages == unbroken.store_state().stages


def test_a_trial_is_announced_at_most_once_across_restarts(world: World) -> None:
    calls = 0

    def after_three_polls() -> bool:
        nonlocal calls
        calls += 1
        return calls == 3

    first: list[e.Event] = []
    walked = run(
        a_plan(),
        backend=world.backend,
        store=world.store,
        judge=world.judge,
        clock=world.clock,
        stop=after_three_polls,
    )
    with pytest.raises(Interrupted):
        first.extend(walked)
    second = world.restarted().walk()

    ended = [
        (x.stage, x.trial.trial_id) for x in [*first, *second] if isinstance(x, e.TrialFinished)
    ]
    assert len(ended) == len(set(ended)) == 9


def test_a_finished_sweep_is_told_again_and_runs_nothing(world: World) -> None:
    world.walk()
    submitted = list(world.service.submitted)

    events = world.restarted().walk()

    assert [type(event) for event in events] == [
        e.SweepResumed,
        e.StageSkipped,
        e.StageSkipped,
        e.StageSkipped,
        e.SweepFinished,
    ]
    assert world.service.submitted == submitted
    assert len(world.judge.judged) == 3


def test_a_finished_sweep_told_again_did_not_finish_later(world: World) -> None:
    world.walk(a_plan(a_stage(1)))
    first = world.store_state().finished_at
    world.clock.sleep(3600.0)

    world.restarted().walk(a_plan(a_stage(1)))
    again = world.store_state().finished_at
    world.restarted().walk(a_plan(a_stage(1, trials=4)))
    later = world.store_state().finished_at

    assert first is not None
    assert again == first
    assert later is not None
    assert later > first


def test_a_lost_reply_to_a_submission_is_found_again(world: World) -> None:
    world.backend.lose_reply("submit")

    events = world.walk(a_plan(a_stage(1)))

    assert len(world.service.submitted) == 1
    assert told(events, e.RetryScheduled)
    assert told(events, e.StudyReattached)


def test_an_unreachable_backend_is_asked_again_after_60_180_and_300_seconds(world: World) -> None:
    world.backend.fail_next("find", times=3)

    events = world.walk(a_plan(a_stage(1)))

    waits = [event.wait_s for event in events if isinstance(event, e.RetryScheduled)]
    assert waits == [60.0, 180.0, 300.0]
    assert world.clock.slept[:3] == waits


def test_after_the_last_retry_the_progress_is_kept(world: World) -> None:
    world.walk(a_plan(a_stage(1)))
    world.backend.fail_next("find", times=4)

    with pytest.raises(BackendError, match="tried 4 times") as caught:
        world.walk(replace(a_plan(a_stage(1)), stages=(a_stage(1), a_stage(2))))

    assert "same command" in str(caught.value.hint)
    assert world.store_state().stage(1).status == "finished"


def test_a_refusal_is_not_retried(world: World) -> None:
    world.backend.fail_next("submit", Refused("no permission"))

    with pytest.raises(Refused):
        world.walk()

    assert world.clock.slept == []


def test_when_no_trial_passes_the_best_goes_on_and_the_stage_says_so(world: World) -> None:
    events = world.walk(a_plan(a_stage(1, gate=UNREACHABLE), a_stage(2)))

    forced = [event for event in events if isinstance(event, e.GateForced)]
    assert [event.stage for event in forced] == [1]
    assert "reward" in forced[0].reasons[0]
    assert world.store_state().stage(1).gate_forced
    assert world.store_state().stage(2).winner is not None


def test_on_gate_fail_stop_saves_and_stops(world: World) -> None:
    plan = a_plan(a_stage(1, gate=UNREACHABLE), a_stage(2), on_gate_fail="stop")

    with pytest.raises(GateNotPassed, match="no trial passed the gate"):
        world.walk(plan)

    assert world.store_state().stage(1).status == "failed"
    assert len(world.store_state().stage(1).trials) == 3
    assert world.store_state().stage(2).status == "pending"


def test_a_stage_whose_trials_all_fail_names_the_first_cause(world: World) -> None:
    def failing(study: Study, number: int, assignment: Assignment) -> Trial:
        return lost(study, str(number), assignment, f"out of memory {number}")

    world.backend.outcome = failing

    with pytest.raises(NoTrialFinished) as caught:
        world.walk()

    assert "out of memory 0" in str(caught.value.hint)


def test_a_job_that_fails_as_a_whole_fails_the_stage_and_keeps_its_trials(world: World) -> None:
    plan = a_plan(a_stage(1))
    world.backend.job_error = {f"counting-count-{plan.fingerprint[:6]}-s1-a0": "image not found"}

    with pytest.raises(RepeatedFailure, match="image not found"):
        world.walk(plan)

    assert world.store_state().stage(1).status == "failed"


def test_another_plan_in_the_same_place_is_refused_with_the_difference(world: World) -> None:
    world.walk()

    with pytest.raises(PlanMismatch, match=r"stage1\.timesteps: 100 → 200"):
        world.walk(a_plan(comparables={"seed": 42, "stage1": {"timesteps": 200}}))


def test_no_resume_starts_a_new_attempt_and_keeps_the_old_state(world: World) -> None:
    world.walk()

    world.walk(a_plan(resume=False, first_attempt=1))

    assert world.store_state().attempt == 1
    assert world.study_of(1).folder.endswith("stage1_a1")
    assert len(world.store.aside) == 1


def test_more_trials_continue_a_finished_stage(world: World) -> None:
    world.walk(a_plan(a_stage(1, trials=3)))

    world.restarted().walk(a_plan(a_stage(1, trials=5)))

    trials = world.store_state().stage(1).trials
    assert [trial.trial_id for trial in trials] == ["0", "1", "2", "3", "4"]
    assert len(world.service.started) == 5


def test_a_new_winner_sends_the_later_stages_into_a_new_attempt(world: World) -> None:
    plan = a_plan(a_stage(1), a_stage(2), first_attempt=0)
    world.walk(plan)
    old = world.store_state().stage(2)

    world.restarted().walk(
        replace(plan, stages=(a_stage(1, trials=5), a_stage(2)), first_attempt=1)
    )

    new = world.store_state().stage(2)
    assert (old.attempt, new.attempt) == (0, 1)
    assert new.parent is not None
    assert "/stage1/4/" in new.parent
    assert world.study_of(2).folder.endswith("stage2_a1")


def test_a_checkpoint_that_was_moved_is_the_same_start(world: World) -> None:
    start = Checkpoint("here/best_model.zip", "best", "3")
    plan = a_plan(a_stage(1), a_stage(2), load=start, comparables={"load": "9f8e7d"})
    world.walk(plan)

    moved = replace(plan, load=replace(start, uri="there/best_model.zip"), first_attempt=1)
    events = world.restarted().walk(moved)

    assert [type(event) for event in events[1:3]] == [e.StageSkipped, e.StageSkipped]
    assert [stage.attempt for stage in world.store_state().stages] == [0, 0]


def test_a_crash_before_the_verdict_only_repeats_the_verdict(world: World) -> None:
    def crash(study: Study, winner: Trial, default: Trial | None) -> e.Verified:
        raise KeyboardInterrupt

    walked = run(
        a_plan(a_stage(1)),
        backend=world.backend,
        store=world.store,
        judge=crash,
        clock=world.clock,
    )
    with pytest.raises(KeyboardInterrupt):
        list(walked)
    assert world.store_state().stage(1).status == "verifying"

    world.restarted().walk(a_plan(a_stage(1)))

    assert world.backend.calls == []
    assert world.store_state().stage(1).status == "finished"


def test_a_stop_is_obeyed_between_polls(world: World) -> None:
    with pytest.raises(Interrupted):
        world.walk(stop=lambda: True)

    assert world.backend.calls.count("poll") == 1


def test_what_a_signal_to_all_processes_broke_is_a_stop(world: World) -> None:
    world.backend.fail_next("poll", Refused("no worker can be started"))

    with pytest.raises(Interrupted):
        world.walk(stop=lambda: True)


def test_ties_go_to_the_earlier_trial(world: World) -> None:
    def equal(study: Study, number: int, assignment: Assignment) -> Trial:
        return scored(study, str(number), assignment, reward=1.0)

    world.backend.outcome = equal

    events = world.walk(a_plan(a_stage(1)))

    chosen = next(event for event in events if isinstance(event, e.WinnerChosen))
    assert chosen.winner.trial.trial_id == "0"


def test_a_trial_that_passed_beats_a_better_one_that_did_not(world: World) -> None:
    def lopsided(study: Study, number: int, assignment: Assignment) -> Trial:
        trial = rising(study, number, assignment)
        if number == 2:
            assert trial.verdict is not None
            return replace(trial, verdict=replace(trial.verdict, passed=False, reasons=("fell",)))
        return trial

    world.backend.outcome = lopsided

    events = world.walk(a_plan(a_stage(1)))

    chosen = next(event for event in events if isinstance(event, e.WinnerChosen))
    assert chosen.winner.trial.trial_id == "1"
    assert chosen.winner.gate_passed


def contrary(study: Study, number: int, assignment: Assignment) -> Trial:
    """Trials whose best evaluation falls while their panel score rises."""
    return replace(rising(study, number, assignment), best_mean_reward=-float(number))


def test_another_way_to_choose_chooses_again_and_trains_nothing(world: World) -> None:
    world.backend.outcome = contrary
    world.walk(a_plan(a_stage(1)))

    events = world.restarted().walk(a_plan(a_stage(1), select_by="best_mean_reward"))

    chosen = [event for event in events if isinstance(event, e.WinnerChosen)]
    assert [event.winner.trial.trial_id for event in chosen] == ["0"]
    assert len(world.service.started) == 3


def test_a_gate_that_was_forced_is_not_forced_for_who_asks_to_stop(world: World) -> None:
    stages = (a_stage(1, gate=UNREACHABLE), a_stage(2))
    world.walk(a_plan(*stages))

    with pytest.raises(GateNotPassed):
        world.restarted().walk(a_plan(*stages, on_gate_fail="stop"))

    assert len(world.service.started) == 6
