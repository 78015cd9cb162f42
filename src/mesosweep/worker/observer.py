"""What a trainer talks to: judges, keeps, publishes and tells."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mesosweep.domain.score import Episode, Score
from mesosweep.domain.standing import Demand, Standing
from mesosweep.domain.trial import Evaluation, Progress, Trial
from mesosweep.ports import Ground, Policy, Track
from mesosweep.records.bundle import publish_bundle
from mesosweep.records.files import write_json
from mesosweep.records.layout import TrialFolder
from mesosweep.records.periodic import PeriodicCheckpoint, publish_periodic
from mesosweep.records.progress import ProgressWriter
from mesosweep.records.scores import evaluation_from, evaluation_to
from mesosweep.records.stop import read_stop
from mesosweep.worker.stopping import interruptible

_TRAINED = "trained.json"
_LEAST_PAUSE_S = 0.02
_LOOK_S = 0.25
"""Whether the trial is to end early is asked of the disk, and so not at every step."""
_LINES_PER_TENFOLD = 500
"""Progress lines grow rarer with time, so that a trial of days writes thousands, not millions."""


class TrialObserver:
    """A `ports.Observer` over the folder of one trial."""

    def __init__(
        self,
        folder: TrialFolder,
        *,
        ground: Ground,
        seeds: Sequence[int],
        progress: ProgressWriter,
        report: Callable[..., None],
        track: Track,
        stop: Callable[[], bool],
        meta: Mapping[str, Any],
        share: Callable[[], None] = lambda: None,
        demand: Demand | None = None,
    ) -> None:
        """Observe a trial.

        `seeds` are the evaluation episodes, the same at every evaluation of every
        trial. `report(value, step=…)` hears the best mean so far, `track` every
        evaluation and the learner's numbers; `meta` goes into the manifest of every bundle. `share` is called
        whenever the folder has changed and every file in it is whole. `demand` says which
        policy is the best; without one it is that with the highest mean.
        """
        self._folder = folder
        self._ground = ground
        self._seeds = seeds
        self._progress = progress
        self._report = report
        self._track = track
        self._meta = meta
        self._share = share
        self._stop = stop
        self.stopped_early: str | None = None
        """Why the trial ends before its budget does, once it has heard of that."""
        self._is_trained = False
        self._looked_s = -math.inf
        self._demand = demand or Demand()
        self.standing = Standing()
        self.step = 0
        self._since = (time.monotonic(), 0)
        self._told_s = {False: -math.inf, True: -math.inf}
        self._before_s = 0.0

    @property
    def best(self) -> Evaluation | None:
        return self.standing.best

    @property
    def last(self) -> Evaluation | None:
        return self.standing.last

    @property
    def spent_s(self) -> float:
        """Seconds on this trial so far, those before an interruption included."""
        return self._before_s + time.monotonic() - self._since[0]

    def begin(self) -> None:
        """Say that this process is at work, and from which step."""
        if self.best is not None:
            # Where a machine was lost, what it had reported may be lost with it.
            self._report(self.best.score.mean_reward, step=self.step)
        self._tell({})
        self._share()

    def go_on(self, kept: PeriodicCheckpoint) -> None:
        """Take up what a periodic checkpoint kept for us."""
        self.standing = Standing(
            last=evaluation_from(kept.meta.get("last")),
            in_a_row=int(kept.meta.get("in_a_row") or 0),
            best=evaluation_from(kept.meta.get("best")),
            best_in_a_row=int(kept.meta.get("best_in_a_row") or 0),
        )
        self.step = kept.step
        self._is_trained = has_trained(kept)
        self._since = (time.monotonic(), kept.step)
        self._before_s = float(kept.meta.get("spent_s") or 0.0)

    def should_stop(self) -> bool:
        """Whether to stop now: to go on later, or, while it trains, for good."""
        return self._stop() or self._hears_enough()

    def evaluate(self, policy: Policy, *, step: int) -> Evaluation:
        score = Score.of(self.play(policy, self._seeds))
        evaluation = Evaluation(step, score)
        self.step = step
        self.standing = self._demand.after(self.standing, evaluation)
        if self.best is not None:
            self._report(self.best.score.mean_reward, step=step)
        self._tell({})
        self._track.evaluated(evaluation)
        self._share()
        return evaluation

    def report_start(self, policy: Policy) -> None:
        """Report the policy that training began with, if its score is a number.

        Raises:
            Interrupted: there is to be a stop; nothing was reported.
        """
        score = Score.of(self.play(policy, self._seeds))
        if score.is_finite:
            self._report(score.mean_reward, step=self.step)

    def play(self, policy: Policy, seeds: Sequence[int]) -> tuple[Episode, ...]:
        """Play episodes on the reference env; raises Interrupted once there is to be a stop."""
        return self._ground.play(interruptible(policy, self.should_stop), seeds)

    def offer(self, save: Callable[[Path], None], *, step: int) -> None:
        judged = self.last
        if judged is None or judged is not self.best:
            return
        meta = {**self._meta, "mean_reward": judged.score.mean_reward}
        publish_bundle(self._folder.best, save, step=step, meta=meta)
        self._share()

    def checkpoint(self, save: Callable[[Path], None], *, step: int) -> None:
        if self.stopped_early is not None:
            return  # nothing goes on from here, and a replay buffer takes seconds to write
        meta = {
            "best": evaluation_to(self.best),
            "best_in_a_row": self.standing.best_in_a_row,
            "last": evaluation_to(self.last),
            "in_a_row": self.standing.in_a_row,
            "spent_s": self.spent_s,
        }
        publish_periodic(self._folder.checkpoints, save, step=step, meta=meta)
        self._share()

    def trained(self, steps: int) -> None:
        """Keep that training has ended: only the panel is still to come, whatever happens now."""
        self._is_trained, self.stopped_early = True, None

        def save(folder: Path) -> None:
            write_json(folder / _TRAINED, {"steps": steps})

        self.checkpoint(save, step=steps)

    def stepped(self, step: int, values: Mapping[str, float]) -> None:
        self.step = step
        elapsed_s = time.monotonic() - self._since[0]
        pause_s = max(_LEAST_PAUSE_S, elapsed_s / _LINES_PER_TENFOLD)
        # The learner's numbers are rare and wanted: signs of life do not crowd them out.
        kind = bool(values)
        if elapsed_s - self._told_s[kind] >= pause_s:
            self._told_s[kind] = elapsed_s
            self._tell(values)
        self._share()

    def ended(self, trial: Trial) -> None:
        """Say what the trial came to, once its record is there."""
        self._track.ended(trial)

    def _hears_enough(self) -> bool:
        if self._is_trained:
            return False  # what stopping early would save is spent
        now_s = time.monotonic()
        if self.stopped_early is None and now_s - self._looked_s >= _LOOK_S:
            self._looked_s = now_s
            self.stopped_early = read_stop(self._folder.stop)
        return self.stopped_early is not None

    def _tell(self, values: Mapping[str, float]) -> None:
        began_s, began_step = self._since
        elapsed_s = time.monotonic() - began_s
        pace = (self.step - began_step) / elapsed_s if elapsed_s > 0 else None
        self._progress.tell(Progress(self.step, pace, self.last), values)
        if values:
            self._track.stepped(self.step, values)


def has_trained(checkpoint: PeriodicCheckpoint) -> bool:
    """Whether a checkpoint says that nothing is left to train."""
    return (checkpoint.folder / _TRAINED).exists()
