"""The backend of Vertex AI: its service chooses and runs the trials, we ask and read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesosweep.backends.vertex.backend import VertexBackend
    from mesosweep.backends.vertex.recorded import Bucket
    from mesosweep.backends.vertex.settings import JobSettings
    from mesosweep.domain.plan import SweepPlan
    from mesosweep.ports import Clock


def open_backend(
    *,
    plan: SweepPlan,
    bucket: Bucket,
    clock: Clock,
    trial_s: Mapping[int, float],
    hurry: float = 1.0,
) -> VertexBackend:
    """Open the backend for the studies of a plan, as `plan.job` says.

    Raises:
        SettingsError: project, image or bucket is missing, or a setting is malformed.
    """
    from mesosweep.backends.vertex.settings import JobSettings

    settings = JobSettings.of(plan, environ=os.environ, trial_s=trial_s)
    return backend_of(settings, plan=plan, bucket=bucket, clock=clock, hurry=hurry)


def backend_of(
    settings: JobSettings, *, plan: SweepPlan, bucket: Bucket, clock: Clock, hurry: float = 1.0
) -> VertexBackend:
    """Open the backend with these settings. Google's package is loaded when first asked."""
    # Here and not above: listing plugins imports this module.
    from mesosweep.backends.vertex.backend import VertexBackend
    from mesosweep.backends.vertex.client import GoogleJobs
    from mesosweep.backends.vertex.ledger import Ledger
    from mesosweep.backends.vertex.money import quote_of

    quote = quote_of(settings, price_file=plan.price_file)
    return VertexBackend(
        settings,
        plan=plan,
        jobs=GoogleJobs(settings),
        bucket=bucket,
        clock=clock,
        ledger=Ledger(plan.root, bucket, quote=quote, machine=settings.machine),
        hurry=hurry,
    )
