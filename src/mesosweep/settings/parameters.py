"""From a parameter's name to the place that it sets; every name is known before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mesosweep.domain.curriculum import Curriculum
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.score import Gate
from mesosweep.domain.space import Assignment, Parameter, SearchSpace, Value
from mesosweep.plugins import ALGORITHMS, Algorithm, Registry, Species
from mesosweep.settings.complaints import unknown
from mesosweep.settings.values import ValueKind, kind_of, misfit

CURRICULUM_KEYS: Mapping[str, ValueKind] = {
    "warmup_timesteps": "int",
    "warmup_fraction": "float",
    "warmup_clip_range": "float",
    "warmup_ent_coef": "float",
    "ramp_timesteps": "int",
    "ramp_fraction": "float",
    "ramp_start_value": "float",
}
GATE_KEYS = tuple(f"gate.{name}" for name in Gate.__dataclass_fields__)
TASK_WORDS = ("strike", "bite", "food_reach", "food", "task")
"""Words by which sweep files call the task of a species; `task` fits all of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """What one parameter or override sets."""

    section: str
    """`env`, `curriculum` or the algorithm's name."""
    key: str
    kind: ValueKind
    written: str
    """The key as the user wrote it; differs from `key` for another species' task word."""

    @property
    def name(self) -> str:
        """As a search space calls it, e.g. `ppo_gamma`."""
        return f"{self.section}_{self.key}"

    @property
    def dotted(self) -> str:
        """As records and overrides call it, e.g. `ppo.gamma`."""
        return f"{self.section}.{self.key}"


@dataclass(frozen=True)
class Vocabulary:
    """All names that can be set for one species and one algorithm."""

    species: Species
    algorithm: Algorithm
    curriculum: Curriculum
    algorithms: tuple[str, ...] = ()
    """All installed algorithms, to tell a foreign parameter from a misspelt one."""
    _kinds: dict[str, ValueKind] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kinds", _env_kinds(self.species, self.curriculum))
        for stage in self.curriculum.stages:
            for key in stage.algorithms.get(self.algorithm.name, {}):
                self.locate(
                    self.algorithm.name, key, where=f"stage{stage.number} → {self.algorithm.name}"
                )

    @classmethod
    def of(
        cls, species: Species, algorithm: Algorithm, curriculum: Curriculum, registry: Registry
    ) -> Vocabulary:
        """Return the vocabulary; raises SettingsError for a stage file's unknown hyperparameter."""
        return cls(species, algorithm, curriculum, registry.names(ALGORITHMS))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What a parameter's name may begin with, before the underscore."""
        return (self.algorithm.name, "env", "curriculum")

    def parameter(self, name: str, *, where: str) -> Place:
        """Return what a swept or injected parameter sets, e.g. `env_alive_bonus`.

        Raises:
            SettingsError: nobody knows the name, or it defines the task.
        """
        for prefix in self.prefixes:
            if name.startswith(f"{prefix}_"):
                place = self.locate(prefix, name[len(prefix) + 1 :], where=where, swept=True)
                break
        else:
            raise self._foreign(name, where)
        if place.section == "env" and place.key in self.species.task_keys:
            raise SettingsError(
                f"{where}: '{place.key}' defines the task of {self.species.name}; "
                "a sweep may not touch it.",
                hint=f"To judge all trials on another task: --override env.{place.key}=VALUE",
            )
        return place

    def locate(self, section: str, key: str, *, where: str, swept: bool = False) -> Place:
        """Return what `section.key` sets; raises SettingsError for an unknown one.

        Names are offered as parameters (`ppo_gamma`) when `swept`, else as keys.
        """
        algorithm = self.algorithm.name
        if section == algorithm:
            kinds: Mapping[str, ValueKind] = self.algorithm.hyperparameters
            own, whose = key, algorithm
        elif section == "env":
            kinds, own, whose = self._kinds, self._own(key), f"species {self.species.name}"
        elif section == "curriculum":
            gates: dict[str, ValueKind] = {} if swept else dict.fromkeys(GATE_KEYS, "float")
            kinds, own, whose = {**CURRICULUM_KEYS, **gates}, key, "a curriculum"
        else:
            raise unknown(where, f"unknown section '{section}'", name=section, known=self.prefixes)
        if own in kinds:
            return Place(section, own, kinds[own], key)
        lead = f"{section}_" if swept else ""
        known = [f"{lead}{k}" for k in kinds if not (swept and k in self.species.task_keys)]
        kind = "parameter" if swept else "key"
        raise unknown(where, f"unknown {kind} for {whose}", name=f"{lead}{key}", known=known)

    def space(
        self, parameters: Mapping[str, Parameter], where: Callable[[str], str]
    ) -> tuple[SearchSpace, tuple[str, ...]]:
        """Return the space in this species' own names, and one note per name that was mapped.

        `where(name)` says where a parameter was written.

        Raises:
            SettingsError: an unknown name, two names of one setting, a kind that does not fit.
        """
        taken: dict[str, str] = {}
        space: dict[str, Parameter] = {}
        notes = []
        for name, parameter in parameters.items():
            place = self.parameter(name, where=where(name))
            if place.name in space:
                raise SettingsError(
                    f"{where(name)}: sets the same as {taken[place.name]} ({place.name}); "
                    "remove one of them."
                )
            problem = misfit(parameter, place.kind)
            if problem:
                raise SettingsError(f"{where(name)}: {problem}.")
            taken[place.name], space[place.name] = name, parameter
            if place.name != name:
                notes.append(f"{name} means {place.name} for {self.species.name}.")
        for name in space:
            other = twin(name)
            if name.endswith("_fraction") and not name.startswith("env_") and other in space:
                raise SettingsError(f"{where(name)}: sets the same as {other}; remove one.")
        return SearchSpace(space), tuple(notes)

    def rename(self, assignment: Assignment, *, where: str) -> Assignment:
        """Return an assignment in this species' own names; raises SettingsError."""
        own = {
            self.parameter(name, where=f"{where} → {name}").name: value
            for name, value in assignment.items()
        }
        if len(own) < len(assignment):
            raise SettingsError(f"{where}: two names set the same parameter.")
        return own

    def _own(self, key: str) -> str:
        """Return this species' own name of an env setting that may use another task word."""
        known = self.species.settings
        if key in known:
            return key
        for word in sorted({*TASK_WORDS, self.species.task}, key=len, reverse=True):
            if key.startswith(f"{word}_"):
                own = f"{self.species.task}_{key[len(word) + 1 :]}"
                if own in known:
                    return own
        return key

    def _foreign(self, name: str, where: str) -> SettingsError:
        for other in self.algorithms:
            if name.startswith(f"{other}_"):
                return SettingsError(
                    f"{where}: unknown parameter for {self.algorithm.name}; it belongs to {other}.",
                    hint=f"Sweep with --algorithm {other}, or remove it.",
                )
        known = [f"{self.algorithm.name}_{key}" for key in self.algorithm.hyperparameters]
        known += [f"env_{k}" for k in self.species.settings if k not in self.species.task_keys]
        known += [f"curriculum_{key}" for key in CURRICULUM_KEYS]
        begin = ", ".join(f"{prefix}_" for prefix in self.prefixes)
        return unknown(
            where,
            f"unknown parameter for {self.algorithm.name}; names begin with {begin}",
            name=name,
            known=known,
        )


def twin(key: str) -> str | None:
    """Return the other key that sets the same thing, of a hyperparameter or of the curriculum.

    Where a schedule ends may be said as a value or as a share of its start, how long a
    warm-up lasts in steps or as a share of the budget.
    """
    if key.endswith("_end_fraction"):
        return key.removesuffix("_fraction")
    if key.endswith("_end"):
        return f"{key}_fraction"
    what, _, form = key.rpartition("_")
    other = {"timesteps": "fraction", "fraction": "timesteps"}.get(form)
    return None if other is None else f"{what}_{other}"


def laid_over(below: Mapping[str, Value], above: Mapping[str, Value]) -> dict[str, Value]:
    """Lay settings of one section over others: what is said above replaces its twin below, too."""
    merged = dict(below)
    for key, value in above.items():
        merged.pop(twin(key) or "", None)
        merged[key] = value
    return merged


def injected_prefixes(registry: Registry) -> tuple[str, ...]:
    """Return the prefixes of `--<prefix>_<name>` arguments, for every installed algorithm."""
    return (*registry.names(ALGORITHMS), "env", "curriculum")


def _env_kinds(species: Species, curriculum: Curriculum) -> dict[str, ValueKind]:
    kinds: dict[str, ValueKind] = {}
    for key in species.settings:
        seen = [
            table[key]
            for stage in curriculum.stages
            for table in (stage.env, stage.env_train)
            if key in table
        ]
        try:
            kind = kind_of(*seen) if seen else "number"
        except ValueError as cause:
            raise SettingsError(f"species {species.name}: env.{key}: {cause}.") from None
        # A weight that happens to be written `1` is a number all the same; only what
        # defines the task (steps, counts) is held to whole numbers.
        kinds[key] = "number" if kind == "int" and key not in species.task_keys else kind
    return kinds
