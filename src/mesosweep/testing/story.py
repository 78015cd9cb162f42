"""A sweep made by hand, told event by event: for tests of whatever listens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mesosweep.domain import events as e
from mesosweep.domain.plan import StagePlan, SweepPlan
from mesosweep.domain.score import Gate, Score
from mesosweep.domain.space import Double, SearchSpace
from mesosweep.domain.study import JobRef, TrialSettings
from mesosweep.domain.trial import Checkpoint, Evaluation, Progress, Trial
from mesosweep.domain.winner import Winner

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_score(mean: float, *, std: float = 10.0, episodes: int = 100) -> Score:
    """Return a score with this mean reward."""
    return Score(episodes, mean, std, mean_length=800.0, full_length_rate=0.9)


class Story:
    """Three stages of a velociraptor with gates at a reward of 100 and 500 steps.

    Each method makes one event, or one trial to put into an event.
    """

    def __init__(self, *, trials: int = 4, parallel: int = 2) -> None:
        self.now = NOON
        self.plan = _plan(trials=trials, parallel=parallel)

    def started(self) -> e.SweepStarted:
        return e.SweepStarted(self.now, 0)

    def submitting(self, stage: int = 1) -> e.StudySubmitting:
        planned = self.plan.stages[stage - 1]
        study = self.plan.study(planned, attempt=0, load=None, fixed={})
        return e.StudySubmitting(self.now, study)

    def submitted(self, stage: int = 1) -> e.StudySubmitted:
        return e.StudySubmitted(stage, JobRef("local", f"stage{stage}"))

    def running(
        self, number: int, *, step: int | None = None, reward: float = 40.0, attempt: int = 0
    ) -> Trial:
        progress = None
        if step is not None:
            last = Evaluation(step, a_score(reward, episodes=10))
            progress = Progress(step, steps_per_s=1900.0, last_evaluation=last)
        return Trial(
            str(number),
            attempt,
            "running",
            {"ppo_learning_rate": 2.31e-4, "ppo_batch_size": 128, "env_alive_bonus": 2.1},
            origin="startup" if number < 3 else "model",
            progress=progress,
        )

    def finished(self, number: int, reward: float, *, stage: int = 1, attempt: int = 0) -> Trial:
        panel = a_score(reward, episodes=30)
        again = f"_a{attempt}" if attempt else ""
        folder = f"runs/sweeps/velociraptor/ppo/stage{stage}{again}/{number}/models"
        return Trial(
            str(number),
            attempt,
            "finished",
            {"ppo_learning_rate": 2.31e-4, "ppo_batch_size": 128, "env_alive_bonus": 2.1},
            origin="default" if number == 0 else "startup",
            best_mean_reward=reward + 5,
            panel=panel,
            verdict=self.plan.stages[stage - 1].gate.admits(panel),
            checkpoint=Checkpoint(f"{folder}/best_model.zip", "best", str(number)),
            steps_asked=100_000,
            steps_trained=100_000,
            duration_s=60.0,
        )

    def failed(self, number: int, reason: str, *, attempt: int = 0) -> Trial:
        return Trial(str(number), attempt, "failed", {"ppo_learning_rate": 1e-4}, reason=reason)

    def second_job(self, stage: int = 1) -> Iterator[e.Event]:
        """Yield a stage whose first job finished trial 1 and lost 2, until its next runs a 1 too."""
        yield self.submitting(stage)
        yield self.submitted(stage)
        yield e.TrialFinished(stage, self.finished(1, 120.0, stage=stage))
        yield e.TrialFailed(stage, self.failed(2, "interrupted: the job failed"))
        yield e.StudyReattached(stage, JobRef("vertex", "jobs/2"))
        again = self.running(1, step=500, attempt=1)
        yield e.TrialStarted(stage, again)
        yield e.StudyProgressed(stage, (again,))

    def whole_stage(self, stage: int, reward: float, *, zero: float = 0.0) -> Iterator[e.Event]:
        """Yield a stage of four trials, the last of which wins with `reward`."""
        yield self.submitting(stage)
        yield self.submitted(stage)
        for number in range(4):
            trial = self.finished(number, reward - 3 + number, stage=stage)
            yield e.TrialStarted(stage, self.running(number))
            yield e.TrialFinished(stage, trial)
        assert trial.checkpoint is not None
        winner = Winner(trial, reward, trial.checkpoint, gate_passed=trial.passed)
        yield e.WinnerChosen(stage, winner)
        if not winner.gate_passed and trial.verdict is not None:
            yield e.GateForced(stage, trial.verdict.reasons)
        self.now += timedelta(minutes=4)
        yield e.WinnerVerified(
            self.now,
            stage,
            e.Verified(a_score(reward), a_score(zero), a_score(-20.0), a_score(-10.0)),
        )


def _plan(*, trials: int = 4, parallel: int = 2) -> SweepPlan:
    space = SearchSpace({"ppo_learning_rate": Double(1e-5, 3e-4, "log")})
    stages = tuple(
        StagePlan(
            number=number,
            name=name,
            space=space,
            trials=trials,
            parallel=parallel,
            settings=TrialSettings(timesteps=100_000, n_envs=4),
            gate=Gate(min_avg_reward=100.0, min_avg_episode_length=500.0),
        )
        for number, name in enumerate(("balance", "locomotion", "strike"), start=1)
    )
    return SweepPlan(
        species="velociraptor",
        algorithm="ppo",
        backend="local",
        root="runs/sweeps/velociraptor/ppo",
        sweep_key="sweep_state_velociraptor_ppo",
        stages=stages,
        comparables={"seed": 42},
    )
