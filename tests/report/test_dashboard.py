"""`optuna.journal`, as Optuna reads it back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from mesosweep.domain import events as e
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.space import Assignment, Categorical, Discrete, Double, Integer, SearchSpace
from mesosweep.domain.trial import Evaluation, Progress, Trial, TrialStatus
from mesosweep.records.metrics import Circumstances, write_metrics
from mesosweep.records.progress import ProgressWriter
from mesosweep.report.dashboard import DashboardFile
from mesosweep.report.picture import picture_of
from mesosweep.stores.file import FileStore
from mesosweep.testing.story import NOON, Story, a_score

SPACE = SearchSpace(
    {
        "ppo_learning_rate": Double(1e-5, 1e-2, "log"),
        "ppo_gamma": Double(0.9, 0.999),
        "ppo_n_epochs": Integer(1, 20),
        "ppo_batch_size": Discrete((64, 128, 256)),
        "ppo_n_steps": Discrete((32, 64, 96)),
        "ppo_net_arch": Categorical(("small", "large")),
    }
)
POINT: Assignment = {
    "ppo_learning_rate": 3e-4,
    "ppo_gamma": 0.99,
    "ppo_n_epochs": 10,
    "ppo_batch_size": 128.0,
    "ppo_n_steps": 64,
    "ppo_net_arch": "small",
}
LOST: tuple[TrialStatus, ...] = ("failed", "diverged", "timed_out")
FIRST = "stage1 balance (velociraptor, ppo)"


class Clock:
    """Stands still unless told how long each look takes."""

    def __init__(self, tick: timedelta = timedelta()) -> None:
        self.time, self.tick = NOON, tick

    def __call__(self) -> datetime:
        self.time += self.tick
        return self.time


@pytest.fixture
def plan(story: Story, tmp_path: Path) -> SweepPlan:
    stages = tuple(replace(stage, space=SPACE) for stage in story.plan.stages)
    story.plan = replace(
        story.plan,
        root=str(tmp_path),
        stages=stages,
        comparables={"stages": {str(n): {"space": SPACE.entries()} for n in (1, 2, 3)}},
    )
    return story.plan


def tell(
    plan: SweepPlan, events: Iterable[e.Event], *, clock: Clock | None = None
) -> tuple[DashboardFile, list[str]]:
    """Return the export after these events, and what it warned of."""
    warned: list[str] = []
    export = DashboardFile(plan, now=clock or Clock(), warn=warned.append)
    for event in events:
        export(event)
    return export, warned


def begun(story: Story, *, stage: int = 1) -> list[e.Event]:
    return [story.started(), story.submitting(stage), story.submitted(stage)]


def read(plan: SweepPlan, name: str = FIRST) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=storage(plan))


def storage(plan: SweepPlan) -> Any:
    return JournalStorage(JournalFileBackend(str(Path(plan.root) / "optuna.journal")))


def at(trial: Trial) -> Trial:
    return replace(trial, assignment=POINT)


def test_optuna_reads_each_trial_with_its_parameters_and_their_ranges(
    story: Story, plan: SweepPlan
) -> None:
    tell(plan, [*begun(story), e.TrialFinished(1, at(story.finished(0, 50.0)))])

    (trial,) = read(plan).trials
    assert trial.params == POINT
    assert trial.distributions == {
        "ppo_learning_rate": optuna.distributions.FloatDistribution(1e-5, 1e-2, log=True),
        "ppo_gamma": optuna.distributions.FloatDistribution(0.9, 0.999),
        "ppo_n_epochs": optuna.distributions.IntDistribution(1, 20),
        "ppo_batch_size": optuna.distributions.CategoricalDistribution((64, 128, 256)),
        "ppo_n_steps": optuna.distributions.IntDistribution(32, 96, step=32),
        "ppo_net_arch": optuna.distributions.CategoricalDistribution(("small", "large")),
    }


def test_the_value_of_a_trial_is_what_the_sampler_is_taught(story: Story, plan: SweepPlan) -> None:
    tell(plan, [*begun(story), e.TrialFinished(1, at(story.finished(0, 50.0)))])

    study = read(plan)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_value == 50.0
    assert study.trials[0].user_attrs["best_mean_reward"] == 55.0
    assert study.trials[0].user_attrs["panel_mean_reward"] == 50.0


def test_every_way_to_end_has_a_state(story: Story, plan: SweepPlan) -> None:
    stopped = replace(
        at(story.finished(2, 10.0)), status="stopped", panel=None, reason="no chance to win"
    )
    lost = [
        replace(at(story.finished(n, 10.0)), status=status, reason="why", panel=None)
        for n, status in enumerate(LOST, start=3)
    ]
    tell(
        plan,
        [
            *begun(story),
            e.TrialFinished(1, at(story.finished(0, 50.0))),
            e.TrialStarted(1, at(story.running(1))),
            e.TrialFinished(1, stopped),
            *(e.TrialFailed(1, trial) for trial in lost),
        ],
    )

    trials = read(plan).trials
    assert [trial.state for trial in trials] == [
        TrialState.COMPLETE,
        TrialState.RUNNING,
        TrialState.PRUNED,
        *[TrialState.FAIL] * 3,
    ]
    assert trials[2].value == 15.0
    assert [t.user_attrs["status"] for t in trials[3:]] == list(LOST)
    assert trials[3].user_attrs["reason"] == "why"


def test_a_known_point_that_leaves_parameters_out_is_shown_without_them(
    story: Story, plan: SweepPlan
) -> None:
    trial = replace(story.finished(0, 1.0), assignment={"ppo_gamma": 0.95, "env_gone": 1.0})

    tell(plan, [*begun(story), e.TrialFinished(1, trial)])

    assert read(plan).trials[0].params == {"ppo_gamma": 0.95}


def test_a_trials_curve_is_read_from_its_folder(
    story: Story, plan: SweepPlan, tmp_path: Path
) -> None:
    with ProgressWriter(tmp_path / "stage1" / "0" / "progress.jsonl") as progress:
        for step in (0, 10, 10, 20):
            last = Evaluation(step, a_score(step * 2.0)) if step else None
            progress.tell(Progress(step, 100.0, last))

    tell(plan, [*begun(story), e.TrialFinished(1, at(story.finished(0, 50.0)))])

    (trial,) = read(plan).trials
    assert trial.intermediate_values == {10: 20.0, 20: 40.0}
    assert trial.duration == timedelta(seconds=60)


def test_each_stage_is_a_study_that_knows_its_winner(story: Story, plan: SweepPlan) -> None:
    tell(plan, [story.started(), *story.whole_stage(1, 120.0), *story.whole_stage(2, 130.0)])

    found = {s.study_name: s for s in optuna.get_all_study_summaries(storage(plan))}
    assert set(found) == {FIRST, "stage2 locomotion (velociraptor, ppo)"}
    assert found[FIRST].n_trials == 4
    assert found[FIRST].user_attrs["winner"] == "trial 3"


def test_a_sweep_that_goes_on_shows_what_it_did_before(story: Story, plan: SweepPlan) -> None:
    picture = picture_of(plan)
    for event in (*begun(story), e.TrialFinished(1, at(story.finished(0, 50.0)))):
        picture = picture.after(event)

    tell(
        plan, [e.SweepResumed(NOON, picture.state), e.TrialFinished(1, at(story.finished(1, 9.0)))]
    )

    assert [trial.value for trial in read(plan).trials] == [50.0, 9.0]


def test_earlier_attempts_stay_in_the_file(story: Story, plan: SweepPlan, tmp_path: Path) -> None:
    picture = picture_of(plan)
    for event in (*begun(story), e.TrialFinished(1, at(story.finished(0, 33.0)))):
        picture = picture.after(event)
    set_aside = "sweep_state_velociraptor_ppo.1"
    FileStore(tmp_path).save(set_aside, picture.state, replacing=None)
    (tmp_path / "stage1").mkdir()

    tell(plan, second_attempt(story, plan))

    assert read(plan).best_value == 33.0
    assert read(plan).trials[0].params == POINT
    assert read(plan, "stage1_a1 balance (velociraptor, ppo)").best_value == 44.0


def test_an_attempt_that_no_state_speaks_of_is_shown_from_its_records(
    story: Story, plan: SweepPlan, tmp_path: Path
) -> None:
    for number in (0, 10, 9):
        write_metrics(
            tmp_path / "stage1" / str(number) / "metrics.json",
            at(story.finished(number, float(number))),
            Circumstances("velociraptor", "ppo", 1),
        )

    tell(plan, second_attempt(story, plan))

    assert [trial.value for trial in read(plan).trials] == [0.0, 9.0, 10.0]


def second_attempt(story: Story, plan: SweepPlan) -> list[e.Event]:
    study = plan.study(plan.stages[0], attempt=1, load=None, fixed={})
    trial = replace(at(story.finished(0, 44.0)), attempt=1)
    return [e.SweepStarted(NOON, 1), e.StudySubmitting(NOON, study), e.TrialFinished(1, trial)]


def test_the_file_is_whole_after_every_trial(story: Story, plan: SweepPlan) -> None:
    export, _ = tell(plan, begun(story))

    for number in range(5):
        export(e.TrialStarted(1, at(story.running(number))))
        export(e.TrialFinished(1, at(story.finished(number, float(number)))))

        lines = export.path.read_text().splitlines()
        assert all(isinstance(json.loads(line), dict) for line in lines)
        assert [trial.value for trial in read(plan).trials] == list(range(number + 1))
        assert [path.name for path in export.path.parent.iterdir()] == ["optuna.journal"]


def test_trials_that_end_faster_than_it_is_written_share_one_writing(
    story: Story, plan: SweepPlan
) -> None:
    slow = Clock(timedelta(seconds=1))  # so each writing takes a second or more
    export, _ = tell(plan, [*begun(story), e.TrialStarted(1, at(story.running(0)))], clock=slow)

    for number in range(3):
        export(e.TrialFinished(1, at(story.finished(number, 1.0))))
    assert read(plan).trials[0].state == TrialState.RUNNING
    slow.time += timedelta(minutes=5)
    export(e.StudyProgressed(1, ()))

    assert len(read(plan).trials) == 3


def test_what_is_due_is_written_when_the_sweep_is_left(story: Story, plan: SweepPlan) -> None:
    slow = Clock(timedelta(seconds=1))
    events = [*begun(story), e.TrialStarted(1, at(story.running(0)))]

    with tell(plan, events, clock=slow)[0] as export:
        export(e.TrialFinished(1, at(story.finished(0, 50.0))))

    assert read(plan).best_value == 50.0


def test_an_export_that_fails_warns_once_and_stops_nothing(
    story: Story, plan: SweepPlan, tmp_path: Path
) -> None:
    (tmp_path / "optuna.journal").mkdir()

    _, warned = tell(
        plan,
        [*begun(story), *(e.TrialFinished(1, at(story.finished(n, 1.0))) for n in range(3))],
    )

    (line,) = warned
    assert "optuna-dashboard" in line
    assert "optuna.journal" in line


def test_trials_of_several_jobs_are_one_study_with_the_curve_of_each(
    story: Story, plan: SweepPlan, tmp_path: Path
) -> None:
    for folder, reward in (("stage1", 10.0), ("stage1_a1", 20.0)):
        with ProgressWriter(tmp_path / folder / "1" / "progress.jsonl") as progress:
            progress.tell(Progress(5, 100.0, Evaluation(5, a_score(reward))))

    tell(plan, [*story.second_job(), e.TrialFinished(1, at(story.finished(1, 90.0, attempt=1)))])

    finished = [t for t in read(plan).trials if t.state == TrialState.COMPLETE]
    assert [t.user_attrs["attempt"] for t in finished] == [0, 1]
    assert [t.intermediate_values for t in finished] == [{5: 10.0}, {5: 20.0}]
    assert len(optuna.get_all_study_summaries(storage(plan))) == 1
