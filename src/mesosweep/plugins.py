"""Floor 1: what a plugin is, and how it is found.

A plugin is a *value* (or, for what acts, a factory) behind an entry point. Names
are read from metadata without importing anything; a plugin is imported only when
somebody asks for it by name, so a broken one troubles nobody else. Built-ins come
through the same door, declared in our own `pyproject.toml`.

The only two dynamic imports of the house live here: `Registry.get` and `resolve`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from mesosweep.domain.errors import (
    ExtraMissing,
    PluginAmbiguous,
    PluginBroken,
    PluginError,
    PluginNotFound,
    PluginTooNew,
)
from mesosweep.domain.space import SearchSpace

API = 1
"""Version of the plugin contract that this mesosweep speaks."""

HyperKind: TypeAlias = Literal["float", "int", "bool", "str", "net_arch"]

T = TypeVar("T")

_ENV_ID = re.compile(r"[\w:-]+/[\w:.-]+-v\d+")
"""What Gymnasium takes for an id with a namespace and a version."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Measured once per release of a species, on the reference env of one stage."""

    policy: Literal["zero", "random", "untrained"]
    episodes: int
    mean_reward: float
    std_reward: float
    mean_length: float
    full_length_rate: float
    success_rate: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Species:
    """An animal and its lessons. Give `body` for a MuJoCo animal, `make_env` for any other env."""

    name: str
    """The entry point's name: letters, digits, `-`."""
    summary: str
    """One line for `mesosweep plugins`."""
    stages: str
    """Resource folder of the stage files, `package:folder`."""
    body: str | None = None
    """`module:attribute` of a `Body`; imported in workers only."""
    make_env: str | None = None
    """`module:attribute` of `make_env(settings, *, render_mode=None) -> gymnasium.Env`,
    called with the stage's env settings; imported in workers only."""
    task: str = "task"
    """The species' word for its behaviour: `strike`, `bite`, `food`. Settings `env_<word>_x`
    and `env_task_x` mean the same."""
    task_keys: frozenset[str] = frozenset()
    """Env settings that define the task. A sweep may not touch them."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Env setting → what it means, with unit. A setting that is not named here is an error."""
    baselines: Mapping[int, tuple[Baseline, ...]] = field(default_factory=dict)
    """Stage number → what doing nothing useful scores there."""
    env_id: str | None = None
    """Id of its Gymnasium env, e.g. `mesosweep/TRex-v0`. None makes one of the name, which would
    be `mesosweep/Trex-v0`."""
    api: int = API

    def __post_init__(self) -> None:
        if self.env_id is not None and not _ENV_ID.fullmatch(self.env_id):
            raise ValueError(
                f"species '{self.name}': env_id '{self.env_id}' is not of the form NAMESPACE/Name-v0"
            )


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A learning algorithm: what can be set, what is searched by default, who trains."""

    name: str
    """Also the prefix of its parameters: `ppo_learning_rate` sets `ppo.learning_rate`."""
    summary: str
    default_space: SearchSpace
    hyperparameters: Mapping[str, HyperKind]
    """Every name that may be set, with its kind; equal to the real signature by test."""
    defaults: Mapping[str, Any]
    """Values used where neither species nor user says anything."""
    learner: str
    """`module:attribute` of a factory `() -> Learner`; imported in workers only."""
    carried: frozenset[str] = frozenset({"net_arch"})
    """Hyperparameters that a checkpoint fixes for later stages."""
    extra: str | None = None
    """The extra of mesosweep that brings what the learner imports."""
    api: int = API


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of plugin: its entry-point group and what its plugins must be."""

    word: str
    group: str
    type: type[T] | None = None
    """Plugins of this kind are values of this type; None for factories."""


SPECIES: Kind[Species] = Kind("species", "mesosweep.species", Species)
ALGORITHMS: Kind[Algorithm] = Kind("algorithm", "mesosweep.algorithms", Algorithm)
BACKENDS: Kind[Callable[..., Any]] = Kind("backend", "mesosweep.backends")
SAMPLERS: Kind[Callable[..., Any]] = Kind("sampler", "mesosweep.samplers")
TRACKERS: Kind[Callable[..., Any]] = Kind("tracker", "mesosweep.trackers")
KINDS: tuple[Kind[Any], ...] = (SPECIES, ALGORITHMS, BACKENDS, SAMPLERS, TRACKERS)


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """One row of `mesosweep plugins`."""

    kind: str
    name: str
    distribution: str
    version: str
    summary: str = ""
    problem: str | None = None
    """Why it cannot be used; None when it can, or when nobody tried."""


class Registry:
    """Plugins by kind and name. `names` imports nothing, `get` imports one plugin."""

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        self._given = None if found is None else tuple(found)

    @cached_property
    def _found(self) -> dict[str, dict[str, list[EntryPoint]]]:
        table: dict[str, dict[str, list[EntryPoint]]] = {kind.group: {} for kind in KINDS}
        points = self._given if self._given is not None else _installed(tuple(sys.path))
        for point in points:
            if point.group in table:
                same = table[point.group].setdefault(point.name, [])
                # An editable install can show the same distribution twice on sys.path.
                if point.value not in [p.value for p in same if _dist(p) == _dist(point)]:
                    same.append(point)
        return table

    def names(self, kind: Kind[Any]) -> tuple[str, ...]:
        """Return the names on offer, sorted, without importing anything."""
        return tuple(sorted(self._found[kind.group]))

    def get(self, kind: Kind[T], name: str) -> T:
        """Import one plugin and return it.

        Raises:
            PluginNotFound, PluginAmbiguous, PluginBroken, PluginTooNew, ExtraMissing:
                all usage errors; the message names the distribution and the way out.
        """
        found = self._found[kind.group].get(name, [])
        if not found:
            raise PluginNotFound(kind.word, name, installed=self.names(kind))
        if len(found) > 1:
            raise PluginAmbiguous(kind.word, name, [_dist(point) for point in found])
        point = found[0]
        try:
            plugin = point.load()
        except Exception as cause:  # a plugin may break in any way; the command line must not
            raise PluginBroken(kind.word, name, _dist(point), _told(cause)) from cause
        return _checked(kind, name, plugin, _dist(point))

    def status(self, kind: Kind[Any], *, load: bool = False) -> tuple[PluginStatus, ...]:
        """Return one row per plugin; with `load`, import each one and say what is wrong."""
        rows = []
        for name in self.names(kind):
            points = self._found[kind.group][name]
            summary, problem = "", None
            if load:
                try:
                    summary = getattr(self.get(kind, name), "summary", "") or ""
                except PluginError as error:
                    problem = str(error)
            elif len(points) > 1:
                problem = f"offered by {', '.join(_dist(point) for point in points)}"
            for point in points:
                version = point.dist.version if point.dist else "?"
                rows.append(PluginStatus(kind.word, name, _dist(point), version, summary, problem))
        return tuple(rows)


def resolve(reference: str, *, what: str, extra: str | None = None) -> Any:
    """Import `module:attribute`. Heavy code is named so, and met only where it is needed.

    Raises:
        ExtraMissing: a package of `extra` is not installed.
        PluginError: the reference is malformed or names nothing.
    """
    module, _, attribute = reference.partition(":")
    if not module or not attribute:
        raise PluginError(f"{what}: '{reference}' is not of the form module:attribute.")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as cause:
        missing = cause.name or module
        if extra and not module.startswith(missing):
            raise ExtraMissing(what, missing, extra) from cause
        raise PluginError(f"{what}: cannot import '{reference}': {cause}.") from cause
    except AttributeError as cause:
        raise PluginError(f"{what}: {module} has no '{attribute}'.") from cause


def _checked(kind: Kind[T], name: str, plugin: Any, distribution: str) -> T:
    if kind.type is not None and not isinstance(plugin, kind.type):
        reason = f"it is a {type(plugin).__name__}, not a {kind.type.__name__}"
        raise PluginBroken(kind.word, name, distribution, reason)
    if kind.type is None and not callable(plugin):
        raise PluginBroken(kind.word, name, distribution, "it is not callable")
    api = getattr(plugin, "api", API)
    if isinstance(api, int) and api > API:
        raise PluginTooNew(kind.word, name, distribution, api=api, ours=API)
    named = getattr(plugin, "name", name)
    if kind.type is not None and named != name:
        reason = f"it calls itself '{named}', its entry point says '{name}'"
        raise PluginBroken(kind.word, name, distribution, reason)
    return plugin  # type: ignore[no-any-return]  # checked above; factories are Callable


@lru_cache(maxsize=4)
def _installed(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:  # noqa: ARG001  # the cache's key
    """Return our entry points of everything on `sys.path`; reading them anew takes 10 ms."""
    everything = entry_points()
    return tuple(point for kind in KINDS for point in everything.select(group=kind.group))


def _dist(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unnamed distribution"


def _told(cause: Exception) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
