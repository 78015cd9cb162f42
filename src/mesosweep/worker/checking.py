"""The process behind `worker.check`: reads a plan from standard input, answers in JSON."""

from __future__ import annotations

import json
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from mesosweep.domain.errors import Interrupted, MesosweepError, SettingsError
from mesosweep.domain.plan import StagePlan, SweepPlan
from mesosweep.domain.score import Score
from mesosweep.domain.seeds import evidence_seeds
from mesosweep.domain.space import Assignment
from mesosweep.domain.study import told
from mesosweep.domain.trial import Evaluation
from mesosweep.envs.ground import random_policy
from mesosweep.plugins import Registry, resolve
from mesosweep.ports import Ground, Policy
from mesosweep.settings.preflight import corner_trials
from mesosweep.stores import reach
from mesosweep.worker.check import StageCheck, told_as
from mesosweep.worker.prepare import Prepared, prepare
from mesosweep.worker.request import TrialRequest, folder_at

_PROBE_STEPS = 1024
_PROBE_S = 4.0
"""A probe ends after so many steps, or after so long, whatever comes first."""
_EPISODES = 10


class Checker:
    """Builds trials of one plan, as a worker would.

    Stages are checked in order: each but the first is built on what the probe of the one
    before has left in `folder`, since a warm start brings in settings of its own.
    """

    def __init__(self, plan: SweepPlan, registry: Registry, folder: Path) -> None:
        self._plan = plan
        self._registry = registry
        self._folder = folder
        self._parent = reach.bundle(plan.load.uri) if plan.load else None

    def stage(self, stage: StagePlan) -> StageCheck:
        """Check one stage; raises SettingsError with the assignment that cannot be built."""
        corners = corner_trials(stage)
        for corner in corners:
            try:
                made = self._prepared(stage, corner)
                made.learner.check(made.lesson, made.ground)
            except SettingsError as cause:
                words = ", ".join(f"{name}={told(value)}" for name, value in corner.items())
                raise SettingsError(
                    f"stage{stage.number}: a trial with {words} cannot be built: {cause}",
                    hint=cause.hint,
                ) from cause
        made = self._prepared(stage, stage.default or {})
        playing, longest = _playing(stage, made.ground)
        return StageCheck(
            stage=stage.number,
            corners=len(corners),
            horizon=_horizon(made) or longest,
            steps_per_s=self._training(stage, made),
            playing_steps_per_s=playing,
        )

    def _prepared(self, stage: StagePlan, assignment: Assignment) -> Prepared:
        plan, settings = self._plan, stage.settings
        request = TrialRequest(
            species=plan.species,
            algorithm=plan.algorithm,
            stage=stage.number,
            timesteps=settings.timesteps,
            n_envs=settings.n_envs,
            eval_freq=settings.eval_freq,
            save_freq=settings.save_freq,
            seed=settings.seed,
            device=plan.device,
            load=str(self._parent) if self._parent else None,
            stage_dir=folder_at(plan.stage_dir) if plan.stage_dir else None,
            trust=plan.trust,
            overrides=stage.overrides,
            injected={name: told(value) for name, value in assignment.items()},
        )
        return prepare(request, self._registry)

    def _training(self, stage: StagePlan, made: Prepared) -> float:
        """Return steps per second of a short training: collecting and updating in proportion."""
        hyperparameters = dict(made.lesson.hyperparameters)
        if "learning_starts" in made.algorithm.hyperparameters:
            # What comes before the first update is quick and short; the rest is what counts.
            hyperparameters["learning_starts"] = made.lesson.n_envs
        batch = hyperparameters.get("batch_size")
        steps = max(_PROBE_STEPS, batch if isinstance(batch, int) else 0)
        lesson = replace(
            made.lesson,
            hyperparameters=hyperparameters,
            # From scratch: warm-up and ramp of the stage may not fit into so few steps.
            parent=None,
            timesteps=steps,
            eval_freq=steps + 1,
            save_freq=steps + 1,
        )
        probe = _Probe()
        try:
            steps = made.learner.train(lesson, made.ground, probe)
        except Interrupted:
            return probe.step / probe.elapsed_s
        elapsed_s = probe.elapsed_s
        if self._plan.load is None:
            left = self._folder / f"stage{stage.number}.zip"
            made.learner.save_final(left)
            self._parent = left
        return steps / elapsed_s


def _playing(stage: StagePlan, ground: Ground) -> tuple[float, int]:
    """Return steps per second of episodes of random actions, and the longest one's steps."""
    seeds = evidence_seeds(
        "select", sweep_seed=stage.settings.seed, stage=stage.number, count=_EPISODES
    )
    began = time.perf_counter()
    episodes = ground.play(random_policy(ground, seed=0), seeds)
    lengths = [episode.length for episode in episodes]
    return sum(lengths) / (time.perf_counter() - began), max(lengths)


def _horizon(made: Prepared) -> int | None:
    if made.species.body is None:
        return None
    from mesosweep.envs.batch import Lanes

    body = resolve(made.species.body, what=f"species '{made.species.name}'")
    lanes = Lanes(body, made.plan.reference, 1)
    try:
        return lanes.horizon
    finally:
        lanes.close()


class _Probe:
    """An observer that only looks at the clock; the time starts with the first step."""

    def __init__(self) -> None:
        self.step = 0
        self._made = time.perf_counter()
        self._began: float | None = None

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first step; what was built before is no part of the speed."""
        return time.perf_counter() - (self._began or self._made)

    def evaluate(self, policy: Policy, *, step: int) -> Evaluation:
        del policy
        self.step = step
        return Evaluation(step, Score(1, 0.0, 0.0, mean_length=0.0, full_length_rate=0.0))

    def offer(self, save: Callable[[Path], None], *, step: int) -> None:
        """Nothing is kept of a probe."""

    def checkpoint(self, save: Callable[[Path], None], *, step: int) -> None:
        del save
        self.step = step

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        del values
        self.step = max(step, self.step)

    def should_stop(self) -> bool:
        if self._began is None:
            self._began = time.perf_counter()
        return self.elapsed_s > _PROBE_S


def main() -> None:
    """Answer on standard output, whatever libraries print there meanwhile."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    plan: SweepPlan = pickle.load(sys.stdin.buffer)
    try:
        with tempfile.TemporaryDirectory(prefix="mesosweep-check-") as folder:
            checker = Checker(plan, Registry(), Path(folder))
            found: dict[str, object] = told_as(tuple(map(checker.stage, plan.stages)))
    except MesosweepError as error:
        found = {"error": {"message": str(error), "hint": error.hint, "exit_code": error.exit_code}}
    json.dump(found, answer)
    answer.close()


if __name__ == "__main__":
    main()
