"""Makes a `Mirror` from names: who changes places with whom, and whose sign turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from mesosweep.domain.errors import PluginError
from mesosweep.ports import Batch, Mirror

_SIDES = {"left": "right", "right": "left"}
ODD = (
    *("*_yaw", "*_roll", "*_left"),
    *("up_y", "velocity_y", "turn_rate_x", "turn_rate_z"),
)
"""Patterns of numbers of the middle that change their sign: what points or turns to a side."""


def other_side(name: str) -> str:
    """Return a name with `left` for `right` and `right` for `left` among its words."""
    return "_".join(_SIDES.get(word, word) for word in name.split("_"))


def mirror(
    observations: Sequence[str],
    actions: Sequence[str],
    *,
    odd: Iterable[str] = ODD,
    parallel: Iterable[str] = (),
    reflect: Callable[[Batch, int], None] | None = None,
) -> Mirror:
    """Return the left-right symmetry of an animal whose numbers have names.

    A number whose name has a twin (`left_knee`, `right_knee`) changes places with it; one
    of the middle stays, and turns its sign when `odd` has a pattern of its name (`neck_yaw`,
    `velocity_y`). `parallel` are patterns of twins whose joints turn about parallel axes
    instead of mirrored ones, so that their signs turn as well. `reflect` is kept as it is.

    Raises PluginError when a name occurs twice.
    """
    odd, parallel = tuple(odd), tuple(parallel)
    sources, signs = [], []
    for names in (observations, actions):
        place = {name: i for i, name in enumerate(names)}
        if len(place) < len(names):
            twice = sorted({name for name in names if list(names).count(name) > 1})
            raise PluginError(f"A mirror needs a name for each number; twice: {', '.join(twice)}.")
        sources.append([place.get(other_side(name), place[name]) for name in names])
        signs.append([_sign(name, place, odd, parallel) for name in names])
    return Mirror(
        observation_source=sources[0],
        observation_sign=signs[0],
        action_source=sources[1],
        action_sign=signs[1],
        reflect=reflect,
    )


def _sign(name: str, known: Iterable[str], odd: Sequence[str], parallel: Sequence[str]) -> float:
    twin = other_side(name)
    has_twin = twin != name and twin in known
    return -1.0 if _matches(name, parallel if has_twin else odd) else 1.0


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
