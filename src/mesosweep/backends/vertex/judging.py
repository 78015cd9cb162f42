"""Winners that lie in a bucket are judged here: brought, heard, and their scores given back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mesosweep.domain.events import Verified
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Checkpoint, Trial
from mesosweep.ports import Judge
from mesosweep.stores.gcs_mirror import Mirror, is_record


def is_kept_here(name: str) -> bool:
    """Whether a sweep's copy on this machine holds a file: what is small and told of, and logs."""
    return is_record(name) or name.endswith("/worker.log")


class MirroredJudge:
    """A `ports.Judge` over another that works on this machine's folders.

    What is heard once lies beside the winner in the bucket, too, so another machine that
    takes the sweep over does not hear it again.
    """

    def __init__(
        self,
        judge: Judge,
        mirror: Mirror,
        *,
        fetch: Callable[[Checkpoint], Checkpoint],
        stage_dir: str | None,
    ) -> None:
        """`fetch` brings a checkpoint from wherever it lies; `stage_dir` is the one here."""
        self._judge = judge
        self._mirror = mirror
        self._fetch = fetch
        self._stage_dir = stage_dir

    def __call__(self, study: Study, winner: Trial, default: Trial | None) -> Verified:
        # Records of the whole sweep: what reads its folder finds it complete from here on.
        self._mirror.bring(wanted=is_kept_here)
        here = replace(
            study,
            folder=str(self._mirror.place(study.folder)),
            load=self._fetch(study.load) if study.load else None,
            stage_dir=self._stage_dir,
        )
        mine = self._here(winner)
        verified = self._judge(here, mine, self._here(default) if default else None)
        folder = Path(here.folder_of(winner.attempt)) / winner.trial_id
        for name in ("verified.json", "metrics.json"):
            if (folder / name).is_file():
                self._mirror.give(folder / name)
        return verified

    def _here(self, trial: Trial) -> Trial:
        return replace(
            trial,
            checkpoint=self._fetch(trial.checkpoint) if trial.checkpoint else None,
            final_checkpoint=(
                self._fetch(trial.final_checkpoint) if trial.final_checkpoint else None
            ),
        )
