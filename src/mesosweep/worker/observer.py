"""What a trainer talks to: judges, keeps, publishes and tells."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mesosweep.domain.score import Episode, Score
from mesosweep.domain.trial import Evaluation, Progress
from mesosweep.ports import Ground, Policy
from mesosweep.records.bundle import publish_bundle
from mesosweep.records.files import write_json
from mesosweep.records.layout import TrialFolder
from mesosweep.records.periodic import PeriodicCheckpoint, publish_periodic
from mesosweep.records.progress import ProgressWriter
from mesosweep.records.scores import evaluation_from, evaluation_to
from mesosweep.worker.stopping import interruptible

_TRAINED = "trained.json"
_LEAST_PAUSE_S = 0.02
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
        track: Callable[[Evaluation], None],
        stop: Callable[[], bool],
        meta: Mapping[str, Any],
    ) -> None:
        """Observe a trial.

        `seeds` are the evaluation episodes, the same at every evaluation of every
        trial. `report(value, step=…)` hears the best mean so far, `track` every
        evaluation; `meta` goes into the manifest of every bundle.
        """
        self._folder = folder
        self._ground = ground
        self._seeds = seeds
        self._progress = progress
        self._report = report
        self._track = track
        self._meta = meta
        self.should_stop = stop
        self.best: Evaluation | None = None
        """The evaluation with the highest finite mean; the first of equals."""
        self.last: Evaluation | None = None
        self.step = 0
        self._since = (time.monotonic(), 0)
        self._told_s = {False: -math.inf, True: -math.inf}
        self._before_s = 0.0

    @property
    def spent_s(self) -> float:
        """Seconds on this trial so far, those before an interruption included."""
        return self._before_s + time.monotonic() - self._since[0]

    def begin(self) -> None:
        """Say that this process is at work, and from which step."""
        self._tell({})

    def go_on(self, step: int, meta: Mapping[str, Any]) -> None:
        """Take up what a periodic checkpoint kept for us."""
        self.best = evaluation_from(meta.get("best"))
        self.last = evaluation_from(meta.get("last"))
        self.step = step
        self._since = (time.monotonic(), step)
        self._before_s = float(meta.get("spent_s") or 0.0)

    def evaluate(self, policy: Policy, *, step: int) -> Evaluation:
        score = Score.of(self.play(policy, self._seeds))
        evaluation = Evaluation(step, score)
        self.step, self.last = step, evaluation
        if score.is_finite and (
            self.best is None or score.mean_reward > self.best.score.mean_reward
        ):
            self.best = evaluation
        if self.best is not None:
            self._report(self.best.score.mean_reward, step=step)
        self._tell({})
        self._track(evaluation)
        return evaluation

    def play(self, policy: Policy, seeds: Sequence[int]) -> tuple[Episode, ...]:
        """Play episodes on the reference env; raises Interrupted once somebody asks to stop."""
        return self._ground.play(interruptible(policy, self.should_stop), seeds)

    def new_best(self, save: Callable[[Path], None], *, step: int) -> None:
        score = self.last.score.mean_reward if self.last is not None else None
        publish_bundle(
            self._folder.best, save, step=step, meta={**self._meta, "mean_reward": score}
        )

    def checkpoint(self, save: Callable[[Path], None], *, step: int) -> None:
        meta = {
            "best": evaluation_to(self.best),
            "last": evaluation_to(self.last),
            "spent_s": self.spent_s,
        }
        publish_periodic(self._folder.checkpoints, save, step=step, meta=meta)

    def trained(self, steps: int) -> None:
        """Keep that training has ended: only the panel is still to come, whatever happens now."""

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

    def _tell(self, values: Mapping[str, float]) -> None:
        began_s, began_step = self._since
        elapsed_s = time.monotonic() - began_s
        pace = (self.step - began_step) / elapsed_s if elapsed_s > 0 else None
        self._progress.tell(Progress(self.step, pace, self.last), values)


def has_trained(checkpoint: PeriodicCheckpoint) -> bool:
    """Whether a checkpoint says that nothing is left to train."""
    return (checkpoint.folder / _TRAINED).exists()
