"""Which modules every trial of a study imports: loaded once, in the server, they cost no trial anything."""

from __future__ import annotations

from mesosweep.domain.errors import PluginError
from mesosweep.domain.study import Study
from mesosweep.plugins import ALGORITHMS, SPECIES, Registry

_ALWAYS = (
    "mesosweep.worker.process",
    "mesosweep.envs.ground",
    "hypertune",
)


def modules_for(study: Study, registry: Registry) -> tuple[str, ...]:
    """Return the names of the modules; a plugin that cannot be had is the worker's to report."""
    references: list[str | None] = []
    try:
        species = registry.get(SPECIES, study.species)
        algorithm = registry.get(ALGORITHMS, study.algorithm)
        training = "mesosweep.envs.vec" if species.body else None
        references = [species.body, species.make_env, algorithm.learner, training]
    except PluginError:
        pass
    return (*_ALWAYS, *(reference.partition(":")[0] for reference in references if reference))
