"""Floor 2: walks a curriculum and states facts. Knows verbs, not vendors."""

from mesosweep.engine.run import run
from mesosweep.engine.sampled import SampledBackend

__all__ = ["SampledBackend", "run"]
