"""A study that takes more than one job: every trial counts, and counts once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain import events as e
from mesosweep.domain.errors import BackendError, NoTrialFinished, RepeatedFailure
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.score import Gate
from mesosweep.domain.space import Assignment
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.study import JobRef, Study, StudySnapshot
from mesosweep.domain.trial import Trial
from mesosweep.engine import run
from mesosweep.engine.follow import news
from mesosweep.stores import state_json
from mesosweep.testing.backend import a_study, lost, scored
from mesosweep.testing.clock import FakeClock
from mesosweep.testing.jobs import JobsBackend, JobService
from mesosweep.testing.plans import FakeJudge, a_plan, a_stage
from mesosweep.testing.store import MemoryStore

WANTED = 5


class WrittenStore(MemoryStore):
    """Keeps what can be read back from its text, as a file does."""

    def save(self, sweep_key: str, state: SweepState, *, replacing: str | None) -> str:
        assert state_json.read(state_json.written(state)) == state
        return super().save(sweep_key, state, replacing=replacing)


def uneven(study: Study, number: int, assignment: Assignment) -> Trial:
    """Some trials fail; the others' rewards are all different, whichever job they belong to."""
    if (number + study.attempt) % 4 == 0:
        return lost(study, str(number), assignment, "killed by SIGSEGV")
    return scored(study, str(number), assignment, reward=number * 1.5 - study.attempt)


class World:
    """All that outlives a supervisor, and all that its supervisors ever told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.service = JobService(clock=self.clock)
        self.store = WrittenStore()
        self.judge = FakeJudge()
        self.told: list[e.Event] = []
        self.backend = JobsBackend(self.service, outcome=uneven)

    def walk(self, plan: SweepPlan, *, events: int | None = None) -> bool:
        """Let a fresh supervisor tell so many events; return whether it came to its end."""
        self.backend = JobsBackend(self.service, outcome=uneven)
        return self.go_on(plan, events=events)

    def go_on(self, plan: SweepPlan, *, events: int | None = None) -> bool:
        walked = run(
            plan, backend=self.backend, store=self.store, judge=self.judge, clock=self.clock
        )
        before = len(self.told)
        with suppress(RepeatedFailure, BackendError):
            for event in islice(walked, events):
                self.told.append(event)
        return len(self.told) > before and isinstance(self.told[-1], e.SweepFinished)

    def stage(self, number: int = 1) -> StageState:
        loaded = self.store.load("sweep_state_counting_count")
        assert loaded is not None
        return loaded[0].stage(number)


def one_stage(trials: int = WANTED) -> SweepPlan:
    return a_plan(a_stage(1, trials=trials))


def lose_after(world: World, plan: SweepPlan, seconds: float, why: str = "no machines") -> None:
    """Let the study's job be lost so long after it was submitted, while nobody looks."""
    world.walk(plan, events=3)
    world.clock.sleep(seconds)
    (key,) = world.service.jobs
    world.service.lose(key, "failed", why)


def test_what_a_lost_job_finished_is_kept_beside_the_trials_of_the_next() -> None:
    world = World()
    lose_after(world, one_stage(), 70)

    assert world.walk(one_stage())

    kept = [trial.identity for trial in world.stage().trials if trial.status == "finished"]
    assert kept == [(0, "1"), (0, "2"), (1, "1"), (1, "2")]
    assert [job.wanted for job in world.service.jobs[world.stage().study_key or ""]] == [5, 3]


def test_the_winner_may_come_from_the_first_job() -> None:
    world = World()
    lose_after(world, one_stage(), 130)

    world.walk(one_stage())

    winner = world.stage().winner
    assert winner is not None
    assert winner.trial.identity == (0, "3")
    assert "/stage1/3/" in winner.checkpoint.uri


def test_a_winner_of_a_later_job_lies_in_that_jobs_folder() -> None:
    world = World()
    lose_after(world, one_stage(), 10)

    world.walk(one_stage())

    winner = world.stage().winner
    assert winner is not None
    assert winner.trial.attempt == 1
    assert "/stage1_a1/" in winner.checkpoint.uri


def test_a_finished_study_of_two_jobs_is_skipped_like_any_other() -> None:
    world = World()
    lose_after(world, one_stage(), 70)
    world.walk(one_stage())
    jobs = [len(jobs) for jobs in world.service.jobs.values()]

    world.walk(one_stage())

    assert isinstance(world.told[-2], e.StageSkipped)
    assert [len(jobs) for jobs in world.service.jobs.values()] == jobs


def test_a_new_attempt_of_a_stage_takes_a_folder_that_no_job_has_used() -> None:
    world = World()
    plan = a_plan(a_stage(1), a_stage(2))
    world.walk(plan, events=12)
    while world.stage(2).job is None:
        world.walk(plan, events=12)
    first = world.stage(2).study_key or ""
    world.service.lose(first, "failed", "no machines")
    world.walk(plan)
    world.walk(plan)
    assert {trial.attempt for trial in world.stage(2).trials} == {0, 1}

    # More trials of the first stage find a better one, which the second must start from.
    world.walk(a_plan(a_stage(1, trials=7), a_stage(2)))

    assert world.stage(2).attempt == 2
    assert {trial.attempt for trial in world.stage(2).trials} == {2}


def test_the_first_cause_is_told_with_the_log_of_its_own_job() -> None:
    world = World()
    plan = a_plan(a_stage(1, trials=2, gate=Gate(min_avg_reward=1e9)), first_attempt=4)
    world.backend.outcome = lambda study, number, assignment: lost(
        study, str(number), assignment, "out of memory"
    )

    try:
        world.go_on(plan)
    except NoTrialFinished as error:
        hint = error.hint or ""
    else:
        raise AssertionError("it cannot have a winner")

    assert hint.splitlines() == [
        "Trial 1 failed: out of memory",
        "Its log: mesosweep logs stage1_a4/1",
    ]


def test_trials_are_called_by_attempt_only_where_ids_say_too_little() -> None:
    study = a_study()
    later = scored(replace(study, attempt=1), "1", {}, 3.0)
    alone = StageState(1, "first").with_trial(scored(study, "1", {}, 1.0))

    both = alone.with_trial(later)

    assert [alone.called(trial) for trial in alone.trials] == ["1"]
    assert [both.called(trial) for trial in both.trials] == ["a0/1", "a1/1"]
    # Before the state knows it, too: a line is told of an event that is not in it yet.
    assert alone.called(later) == "a1/1"


def test_a_trial_that_was_given_up_too_soon_is_told_as_finished_once() -> None:
    world = World()
    lose_after(world, one_stage(), 50)

    world.walk(one_stage())

    ended = [x for x in world.told if isinstance(x, e.TrialFailed | e.TrialFinished)]
    first = [type(x) for x in ended if x.trial.identity == (0, "1")]
    assert first == [e.TrialFailed, e.TrialFinished]


def test_a_trial_that_finished_stays_finished_whatever_is_said_later() -> None:
    study = a_study()
    known = StageState(1, "first").with_trial(scored(study, "1", {}, 1.0))
    said = StudySnapshot("running", (lost(study, "1", {}, "interrupted"),))

    assert news(known, said) == ()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["crash", "fail", "cancel", "lost submit", "lost find", "lost poll"]),
        st.integers(1, 12),
        st.integers(0, 130),
    ),
    max_size=8,
)


@given(actions=ACTIONS)
def test_whatever_goes_wrong_no_finished_trial_is_lost_counted_twice_or_repeated(
    actions: list[tuple[str, int, int]],
) -> None:
    world, plan = World(), a_plan(a_stage(1, trials=WANTED), a_stage(2, trials=3))

    for action, events, seconds in actions:
        match action.split():
            case ["crash"]:
                world.walk(plan, events=events)
            case ["lost", verb]:
                world.backend.lose_reply(verb)  # type: ignore[arg-type]  # one of its verbs
                world.go_on(plan, events=events)
            case [_]:
                world.walk(plan, events=events)
                world.clock.sleep(seconds)
                state: Literal["failed", "cancelled"] = (
                    "failed" if action == "fail" else "cancelled"
                )
                for key in world.service.jobs:
                    world.service.lose(key, state, f"the job was {state}")
    for _ in range(20):
        if world.walk(plan):
            break
    else:
        raise AssertionError("it never came to an end")

    _check(world, stage=1, wanted=WANTED)
    _check(world, stage=2, wanted=3)


def _check(world: World, *, stage: int, wanted: int) -> None:
    known = world.stage(stage)
    jobs = world.service.jobs[known.study_key or ""]
    now = world.clock.now()
    there = [trial for job in jobs for trial in job.trials(uneven, now)]
    finished = {trial.identity: trial for trial in there if trial.status == "finished"}

    # None lost: what its worker finished is in the state, as its worker left it.
    assert {t.identity: t for t in known.trials if t.status == "finished"} == finished
    # None counted twice, by state or stream.
    identities = [trial.identity for trial in known.trials]
    assert identities == sorted(set(identities))
    told = [
        (event.stage, event.trial.identity)
        for event in world.told
        if isinstance(event, e.TrialFinished) and event.stage == stage
    ]
    assert len(told) == len(set(told))
    # None repeated: each job was asked for no more than what was left undone before it.
    for place, job in enumerate(jobs):
        done = sum(each.share(uneven, job.since) for each in jobs[:place])
        assert job.wanted == wanted - done
    winner = known.winner
    assert winner is not None
    assert winner.objective == max(trial.best_mean_reward or 0.0 for trial in finished.values())


def test_trials_that_are_wanted_while_a_job_runs_are_asked_for_when_it_has_ended() -> None:
    world = World()
    world.walk(one_stage(2), events=4)

    assert world.walk(one_stage(5))

    (jobs,) = world.service.jobs.values()
    assert [job.wanted for job in jobs] == [2, 3]
    kinds = [type(event) for event in world.told]
    assert kinds.count(e.StudyReattached) == 1
    assert kinds.count(e.StudySubmitted) == 2
    assert kinds[-1] is e.SweepFinished
    assert len(world.stage().ended) == 5
    assert world.stage().trials_wanted == 5


def test_a_backend_that_has_nothing_new_to_offer_is_not_asked_for_ever() -> None:
    class Stuck(JobsBackend):
        def find(self, study: Study) -> JobRef | None:
            return JobRef("jobs", study.key) if study.key in self.service.jobs else None

        def poll(self, job: JobRef) -> StudySnapshot:
            return StudySnapshot("incomplete", (), "3 more are wanted")

    world = World()
    world.backend = Stuck(world.service)

    with pytest.raises(BackendError, match=r"3 more are wanted, but only .* was found"):
        list(
            run(
                one_stage(),
                backend=world.backend,
                store=world.store,
                judge=world.judge,
                clock=world.clock,
            )
        )
