"""All that a plugin may import.

Names are resolved on first use, so that a species which only describes itself
costs nothing: importing `Species` loads no numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mesosweep import terms as terms
    from mesosweep.domain.score import Episode as Episode
    from mesosweep.domain.score import Gate as Gate
    from mesosweep.domain.score import Score as Score
    from mesosweep.domain.space import Categorical as Categorical
    from mesosweep.domain.space import Discrete as Discrete
    from mesosweep.domain.space import Double as Double
    from mesosweep.domain.space import Integer as Integer
    from mesosweep.domain.space import SearchSpace as SearchSpace
    from mesosweep.domain.trial import Evaluation as Evaluation
    from mesosweep.domain.trial import Trial as Trial
    from mesosweep.plugins import Algorithm as Algorithm
    from mesosweep.plugins import Baseline as Baseline
    from mesosweep.plugins import Species as Species
    from mesosweep.ports import Array as Array
    from mesosweep.ports import Batch as Batch
    from mesosweep.ports import Body as Body
    from mesosweep.ports import Ground as Ground
    from mesosweep.ports import Learner as Learner
    from mesosweep.ports import Lesson as Lesson
    from mesosweep.ports import Mask as Mask
    from mesosweep.ports import Metric as Metric
    from mesosweep.ports import Mirror as Mirror
    from mesosweep.ports import Observer as Observer
    from mesosweep.ports import Policy as Policy
    from mesosweep.ports import Rng as Rng
    from mesosweep.ports import Sampler as Sampler
    from mesosweep.ports import Track as Track
    from mesosweep.ports import Tracker as Tracker

_HOME = {
    "mesosweep.domain.score": ("Episode", "Gate", "Score"),
    "mesosweep.domain.space": ("Categorical", "Discrete", "Double", "Integer", "SearchSpace"),
    "mesosweep.domain.trial": ("Evaluation", "Trial"),
    "mesosweep.plugins": ("Algorithm", "Baseline", "Species"),
    "mesosweep.ports": (
        *("Array", "Batch", "Body", "Ground", "Learner", "Lesson", "Mask", "Metric"),
        *("Mirror", "Observer", "Policy", "Rng", "Sampler", "Track", "Tracker"),
    ),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted([*_MODULE_OF, "terms"])  # noqa: PLE0605  # computed from the one table above


def __getattr__(name: str) -> Any:
    if name == "terms":
        return import_module("mesosweep.terms")
    if name in _MODULE_OF:
        return getattr(import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'mesosweep.api' has no attribute {name!r}")
