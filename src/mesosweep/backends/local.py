"""The backend of this machine: a sampler, and one process per trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesosweep.plugins import Registry

if TYPE_CHECKING:
    from mesosweep.engine.sampled import SampledBackend
    from mesosweep.ports import Sampler


def open_backend(*, sampler: Sampler, registry: Registry | None = None) -> SampledBackend:
    """Open the local backend. Nothing is started before a study is submitted."""
    # Here and not above: listing plugins imports this module.
    from mesosweep.backends._workers import LocalRunner
    from mesosweep.engine.sampled import SampledBackend

    return SampledBackend("local", sampler=sampler, runner=LocalRunner(registry))
