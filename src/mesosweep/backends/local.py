"""The backend of this machine: a sampler, and one process per trial."""

from __future__ import annotations

from mesosweep.engine.sampled import SampledBackend
from mesosweep.plugins import Registry
from mesosweep.ports import Sampler


def open_backend(*, sampler: Sampler, registry: Registry | None = None) -> SampledBackend:
    """Open the local backend. Nothing is started before a study is submitted."""
    from mesosweep.backends._workers import LocalRunner

    return SampledBackend("local", sampler=sampler, runner=LocalRunner(registry))
