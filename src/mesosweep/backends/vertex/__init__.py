"""The backend of Vertex AI: its service chooses and runs the trials, we ask and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesosweep.backends.vertex.backend import VertexBackend
    from mesosweep.backends.vertex.recorded import Bucket
    from mesosweep.backends.vertex.settings import JobSettings
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.ports import Clock


def open_backend(
    settings: JobSettings, *, plan: SweepPlan, bucket: Bucket, clock: Clock
) -> VertexBackend:
    """Open the backend for the studies of a plan. Google's package is loaded when first asked."""
    # Here and not above: listing plugins imports this module.
    from mesosweep.backends.vertex.backend import VertexBackend
    from mesosweep.backends.vertex.client import GoogleJobs

    return VertexBackend(settings, plan=plan, jobs=GoogleJobs(settings), bucket=bucket, clock=clock)
