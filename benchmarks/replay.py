"""A sweep whose trials are on record: our own backend and rules, with everything but the training.

Trials start when there is room, their evaluations come in the order in which workers side by side would
have told them, and the backend looks after each of them, as it does on a real machine. Time is virtual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import optuna

from mesosweep.domain.score import Score
from mesosweep.domain.space import SearchSpace
from mesosweep.domain.stopping import Stopping
from mesosweep.domain.study import Study, TrialSettings
from mesosweep.domain.trial import Checkpoint, Evaluation, Progress, Trial
from mesosweep.domain.winner import choose_winner
from mesosweep.engine import SampledBackend
from mesosweep.ports import Clock, Sampler, TrialOrder
from mesosweep.testing.clock import FakeClock


class Judge(Protocol):
    """How a rule that is not ours is asked."""

    def ends(self, trial_id: str, evaluation: Evaluation) -> bool:
        """Say whether a trial ends at its new evaluation, which is not its last."""

    def finished(self, trial_id: str, evaluation: Evaluation) -> None:
        """Hear that a trial has come to its last evaluation."""


@dataclass(frozen=True)
class Training:
    """What one trial would show, were it trained to the end."""

    curve: Sequence[Evaluation]
    """The last one at the whole budget."""
    times: Sequence[float]
    """When each evaluation comes, from the trial's start."""
    panel: float
    """What winners are chosen by."""
    verified: float
    """What it is worth."""


@dataclass(frozen=True)
class Outcome:
    """What a sweep came to."""

    steps: int
    """Trained by all trials together."""
    verified: float
    """Of its winner."""
    stopped: int
    best_lost: bool
    """Whether a trial that was stopped would have won."""


class Recorded:
    """A `TrialRunner` that trains nothing: it tells what is on record."""

    def __init__(self, train: Callable[[TrialOrder], Training], judge: Judge | None = None) -> None:
        self._train = train
        self._judge = judge
        self._now = 0.0
        self._trials: dict[str, Trial] = {}
        self._begun: dict[str, float] = {}
        self._told: dict[str, int] = {}
        self.trainings: dict[str, Training] = {}

    def known(self, study: Study) -> Sequence[Trial]:  # noqa: ARG002  # the port's shape
        return sorted(self._trials.values(), key=lambda trial: trial.place)

    poll = known

    def start(self, order: TrialOrder) -> None:
        own = order.trial_id
        self.trainings[own] = self._train(order)
        self._begun[own], self._told[own] = self._now, 0
        self._trials[own] = Trial(
            own, order.study.attempt, "running", order.assignment, origin=order.origin
        )

    def evaluations(self, study: Study, trial: Trial) -> Sequence[Evaluation]:  # noqa: ARG002  # the port's shape
        return self.trainings[trial.trial_id].curve[: self._told[trial.trial_id]]

    def end_early(self, study: Study, trial: Trial, reason: str) -> None:  # noqa: ARG002  # the port's shape
        self._end(trial.trial_id, reason)

    def capacity(self, study: Study) -> int:
        return study.parallel - len(self._running())

    def wait(self, study: Study, clock: Clock) -> None:  # noqa: ARG002  # the port's shape
        """Go on to the next evaluation of any running trial."""
        if not self._running():
            return  # the last one was stopped in this very look
        own = min(self._running(), key=lambda own: (self._next(own), self._trials[own].place))
        self._now = self._next(own)
        told = self._told[own] = self._told[own] + 1
        training = self.trainings[own]
        evaluation = training.curve[told - 1]
        self._trials[own] = replace(
            self._trials[own],
            progress=Progress(evaluation.step, None, evaluation),
            best_mean_reward=max(e.score.mean_reward for e in training.curve[:told]),
            steps_trained=evaluation.step,
        )
        if told == len(training.curve):
            self._trials[own] = replace(
                self._trials[own],
                status="finished",
                panel=_score(training.panel),
                checkpoint=Checkpoint(own, "best", own),
            )
            if self._judge is not None:
                self._judge.finished(own, evaluation)
        elif self._judge is not None and self._judge.ends(own, evaluation):
            self._end(own, "another rule says so")

    def stop(self, study: Study, *, gently: bool) -> None:
        """Nothing is running that could be stopped."""

    def _running(self) -> list[str]:
        return [own for own, trial in self._trials.items() if not trial.has_ended]

    def _next(self, own: str) -> float:
        return self._begun[own] + self.trainings[own].times[self._told[own]]

    def _end(self, own: str, reason: str) -> None:
        self._trials[own] = replace(self._trials[own], status="stopped", reason=reason)


def replayed(
    space: SearchSpace,
    sampler: Sampler,
    train: Callable[[TrialOrder], Training],
    *,
    trials: int,
    seed: int,
    budget: int,
    stopping: Stopping | None = None,
    judge: Judge | None = None,
    parallel: int = 2,
) -> Outcome:
    """Run a sweep of one stage to its end."""
    runner = Recorded(train, judge)
    backend = SampledBackend("recorded", sampler=sampler, runner=runner)
    study = Study(
        key="recorded",
        species="recorded",
        algorithm="recorded",
        stage=1,
        stage_name="recorded",
        attempt=0,
        folder="recorded",
        space=space,
        trials=trials,
        parallel=parallel,
        settings=TrialSettings(timesteps=budget, n_envs=1, seed=seed),
        stopping=stopping,
    )
    clock, job = FakeClock(), backend.submit(backend.prepare(study))
    while (snapshot := backend.poll(job)).state == "running":
        backend.wait(job, clock)
    winner = choose_winner(snapshot.trials, select_by="panel_mean_reward", handoff="best").trial
    ended = {trial.trial_id for trial in snapshot.trials if trial.status == "stopped"}
    best = max(training.panel for training in runner.trainings.values())
    return Outcome(
        steps=sum(trial.steps_trained or 0 for trial in snapshot.trials),
        verified=runner.trainings[winner.trial_id].verified,
        stopped=len(ended),
        # An equal that finished is as good.
        best_lost=runner.trainings[winner.trial_id].panel < best,
    )


def evaluations(means: Sequence[float], steps: Sequence[int]) -> tuple[Evaluation, ...]:
    return tuple(Evaluation(step, _score(mean)) for step, mean in zip(steps, means, strict=True))


class Optunas:
    """A rule of Optuna's, told of every evaluation and asked after it.

    It counts evaluations, as its defaults expect, not steps.
    """

    def __init__(self, pruner: optuna.pruners.BasePruner, *, seed: int) -> None:
        # Hyperband deals trials to its brackets by the study's name.
        self._study = optuna.create_study(
            study_name=f"study {seed}", direction="maximize", pruner=pruner
        )
        self._trials: dict[str, optuna.Trial] = {}
        self._told: dict[str, int] = {}

    def ends(self, trial_id: str, evaluation: Evaluation) -> bool:
        if trial_id not in self._trials:
            self._trials[trial_id] = self._study.ask()
        trial = self._trials[trial_id]
        told = self._told[trial_id] = self._told.get(trial_id, 0) + 1
        trial.report(evaluation.score.mean_reward, told)
        if trial.should_prune():
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return True
        return False

    def finished(self, trial_id: str, evaluation: Evaluation) -> None:
        trial = self._trials.get(trial_id) or self._study.ask()
        trial.report(evaluation.score.mean_reward, self._told.get(trial_id, 0) + 1)
        self._study.tell(trial, evaluation.score.mean_reward)


def _score(mean: float) -> Score:
    return Score(1, mean, 0.0, mean_length=1.0, full_length_rate=1.0)
