"""Floor 1: the shapes through which the house meets everything replaceable.

Interfaces only; heavy types appear under TYPE_CHECKING. What acts has a conformance
suite in `mesosweep.testing` that real and fake pass alike.
"""

from mesosweep.ports.animal import Array, Batch, Body, Counts, Mask, Metric, Mirror, Over, Rng
from mesosweep.ports.learning import Ground, Learner, Lesson, Observer, Policy
from mesosweep.ports.running import (
    Backend,
    Clock,
    Judge,
    Reporter,
    Sampler,
    Store,
    Submission,
    Track,
    Tracker,
    TrialOrder,
    TrialRunner,
)

__all__ = [
    "Array",
    "Backend",
    "Batch",
    "Body",
    "Clock",
    "Counts",
    "Ground",
    "Judge",
    "Learner",
    "Lesson",
    "Mask",
    "Metric",
    "Mirror",
    "Observer",
    "Over",
    "Policy",
    "Reporter",
    "Rng",
    "Sampler",
    "Store",
    "Submission",
    "Track",
    "Tracker",
    "TrialOrder",
    "TrialRunner",
]
