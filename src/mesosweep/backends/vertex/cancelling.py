"""A job is ended for certain: asked to, and waited for until it has."""

from __future__ import annotations

from mesosweep.backends.vertex import parse
from mesosweep.backends.vertex.client import Jobs
from mesosweep.backends.vertex.parse import Message
from mesosweep.backends.vertex.patience import patiently
from mesosweep.domain.errors import BackendError
from mesosweep.engine.retry import Retry
from mesosweep.ports import Clock

_LOOK_S = 10.0
_PATIENCE_S = 1_800.0


def cancel(
    name: str,
    jobs: Jobs,
    *,
    clock: Clock,
    retry: Retry,
    url: str | None = None,
    hurry: float = 1.0,
) -> Message:
    """Ask a job to end, wait until it has, and return it as it ended.

    Raises:
        BackendError: it is not confirmed in half an hour; the job may go on costing.
    """
    waited_s, is_asked = 0.0, False
    while True:
        job = patiently(lambda: jobs.get(name), retry=retry, clock=clock)
        if parse.has_ended(job):
            return job
        if not is_asked:
            patiently(lambda: jobs.cancel(name), retry=retry, clock=clock)
            is_asked = True
            continue
        if waited_s >= _PATIENCE_S:
            raise BackendError(
                f"{name}: not ended {waited_s / 60:.0f} min after it was cancelled.",
                hint=f"It may go on costing; look at it: {url or name}",
            )
        clock.sleep(_LOOK_S / hurry)
        waited_s += _LOOK_S
