"""Floor 1: the library of reward terms, metrics and episodes that animals share.

Two ways in. An animal on feet is a `Walker`: data from which senses, terms, metrics, starts,
pushes and goals follow. Any other takes single terms over its sensors (`alive`, `energy`,
`tilt("up")`, …: see `mesosweep.terms.basic`). All of it is functions of a `Batch`, (n,) each.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mesosweep.terms import feet as feet
    from mesosweep.terms import frames as frames
    from mesosweep.terms import goal as goal
    from mesosweep.terms import pushes as pushes
    from mesosweep.terms import walking as walking
    from mesosweep.terms.basic import Term as Term
    from mesosweep.terms.basic import Test as Test
    from mesosweep.terms.basic import above as above
    from mesosweep.terms.basic import alive as alive
    from mesosweep.terms.basic import approach as approach
    from mesosweep.terms.basic import below as below
    from mesosweep.terms.basic import done as done
    from mesosweep.terms.basic import drift as drift
    from mesosweep.terms.basic import energy as energy
    from mesosweep.terms.basic import fell as fell
    from mesosweep.terms.basic import forward_velocity as forward_velocity
    from mesosweep.terms.basic import heading as heading
    from mesosweep.terms.basic import jerkiness as jerkiness
    from mesosweep.terms.basic import joint_deviation as joint_deviation
    from mesosweep.terms.basic import leaning as leaning
    from mesosweep.terms.basic import progress as progress
    from mesosweep.terms.basic import speed as speed
    from mesosweep.terms.basic import speed_across as speed_across
    from mesosweep.terms.basic import speed_along as speed_along
    from mesosweep.terms.basic import spin as spin
    from mesosweep.terms.basic import tilt as tilt
    from mesosweep.terms.basic import tilted as tilted
    from mesosweep.terms.basic import touched as touched
    from mesosweep.terms.feet import Feet as Feet
    from mesosweep.terms.feet import Foot as Foot
    from mesosweep.terms.saturating import Saturating as Saturating
    from mesosweep.terms.saturating import charges as charges
    from mesosweep.terms.saturating import costs as costs
    from mesosweep.terms.saturating import pays as pays
    from mesosweep.terms.senses import Sense as Sense
    from mesosweep.terms.servos import Servos as Servos
    from mesosweep.terms.settings import walker_settings as walker_settings
    from mesosweep.terms.sharing import once as once
    from mesosweep.terms.sharing import once_each as once_each
    from mesosweep.terms.symmetry import mirror as mirror
    from mesosweep.terms.target import Target as Target
    from mesosweep.terms.walker import Walker as Walker

_HOME = {
    "basic": (
        *("Term", "Test", "above", "alive", "approach", "below", "done", "drift", "energy"),
        *("fell", "forward_velocity", "heading", "jerkiness", "joint_deviation", "leaning"),
        *("progress", "speed", "speed_across", "speed_along", "spin", "tilt", "tilted", "touched"),
    ),
    "feet": ("Feet", "Foot"),
    "saturating": ("Saturating", "charges", "costs", "pays"),
    "senses": ("Sense",),
    "servos": ("Servos",),
    "settings": ("walker_settings",),
    "sharing": ("once", "once_each"),
    "symmetry": ("mirror",),
    "target": ("Target",),
    "walker": ("Walker",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_MODULES = ("feet", "frames", "goal", "pushes", "walking")

__all__ = sorted([*_MODULE_OF, *_MODULES])  # noqa: PLE0605  # computed from the tables above


def __getattr__(name: str) -> Any:
    # On first use: a species that only describes itself wants the names of settings, no numpy.
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute {name!r}")
