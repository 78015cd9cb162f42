"""What is known of the trials of jobs: by the service, and by what they left in the bucket."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mesosweep.backends.vertex import goes, parse
from mesosweep.backends.vertex.parse import Message
from mesosweep.backends.vertex.patience import passing
from mesosweep.backends.vertex.recorded import Bucket, as_recorded
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial

_NOTHING_TO_RUN = re.compile(r"\bstatus of 12[67]\b")
_SURE = ("finished", "diverged", "timed_out")


class Known:
    """Trials as they stand. What cannot change any more is asked for once."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._ended: dict[tuple[str, str], Trial] = {}
        """(job, trial id) → a trial about which nothing will change."""

    def trials(self, study: Study, job: Message) -> tuple[Trial, ...]:
        """Return the trials of one job of a study; raises Transient."""
        go = goes.go_of(job)
        done = {m["id"] for m in job.get("trials", ()) if "id" in m and parse.is_done(m)}
        found = []
        for trial in parse.trials_of(job, study, attempt=go.attempt):
            key = (str(job["name"]), trial.trial_id)
            known = self._ended.get(key)
            if known is None:
                with passing():
                    known = as_recorded(trial, go, self._bucket)
                if trial.trial_id in done and known.status in _SURE:
                    self._ended[key] = known
            found.append(known)
        return tuple(found)

    def done(self, study: Study, jobs: Sequence[Message]) -> int:
        """Return how many of a study's trials need not be asked for again."""
        return sum(goes.share_of(job, self.trials(study, job)) for job in jobs)


def has_begun(trial: Trial) -> bool:
    """Whether a trial did anything at all: it ended well, or told of a step or of a score."""
    is_lost = trial.status in ("failed", "running")
    return not is_lost or bool(trial.steps_trained) or trial.progress is not None


def why(job: Message, trials: Sequence[Trial], *, how: str | None = None) -> str:
    """Return why a job was lost, `how` where we know better, and what its first failed trial said."""
    said = [trial.reason for trial in trials if trial.status == "failed" and trial.reason]
    own = [reason for reason in said if not reason.startswith("interrupted")]
    first = f"; a trial: {own[0]}" if own else ""
    return f"{how or parse.reason_of(job)}{first}{_hint_at_image(own)}"


def _hint_at_image(reasons: Sequence[str]) -> str:
    """A shell's 126 and 127 mean that there was nothing to run."""
    if any(_NOTHING_TO_RUN.search(reason) for reason in reasons):
        return " (the image has no mesosweep that starts: docs/vertex.md tells how to build one)"
    return ""
