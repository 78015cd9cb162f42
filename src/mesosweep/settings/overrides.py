"""`section.key=value` and `N.section.key=value`: what the user lays over the stage files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.errors import SettingsError, did_you_mean
from mesosweep.domain.space import Value
from mesosweep.domain.study import told
from mesosweep.settings.parameters import Place, Vocabulary, laid_over
from mesosweep.settings.values import read


@dataclass(frozen=True, slots=True)
class Override:
    """One override, understood."""

    stage: int | None
    """None for all stages."""
    place: Place
    value: Value

    @property
    def text(self) -> str:
        """In the species' own names and without the stage, e.g. `ppo.gamma=0.99`."""
        return f"{self.place.dotted}={told(self.value)}"


def parse_overrides(texts: Iterable[str], vocabulary: Vocabulary) -> tuple[Override, ...]:
    """Understand overrides, in their order.

    Raises:
        SettingsError: malformed, an unknown stage, section or key, or a value of another kind.
    """
    return tuple(_parse(text, vocabulary) for text in texts)


def narrow(overrides: Iterable[Override], stage: int) -> tuple[str, ...]:
    """Return those that apply to a stage as `section.key=value`; the last word on a key wins.

    An override for this stage alone beats one for all stages, whatever their order.
    """
    mine = [o for o in overrides if o.stage in (None, stage)]
    mine.sort(key=lambda o: o.stage is not None)
    latest: dict[str, str] = {}
    for override in mine:
        # Where it was said last is its place: of two keys that set the same, the later one counts.
        latest.pop(override.place.dotted, None)
        latest[override.place.dotted] = override.text
    return tuple(latest.values())


def overlay(stage: Stage, overrides: Iterable[Override]) -> Stage:
    """Return the stage with overrides laid over it.

    `env.*` changes the ground that trials are judged on, and training with it.
    """
    env, train = dict(stage.env), dict(stage.env_train)
    algorithms = {name: dict(table) for name, table in stage.algorithms.items()}
    curriculum, gate = stage.curriculum, stage.gate
    for override in overrides:
        key, value = override.place.key, override.value
        if override.place.section == "env":
            env[key] = value
            train.pop(key, None)
        elif override.place.section == "curriculum" and key.startswith("gate."):
            gate = replace(gate, **{key.removeprefix("gate."): float(value)})
        elif override.place.section == "curriculum":
            curriculum = laid_over(curriculum, {key: value})
        else:
            table = algorithms.get(override.place.section, {})
            algorithms[override.place.section] = laid_over(table, {key: value})
    return replace(
        stage, env=env, env_train=train, algorithms=algorithms, curriculum=curriculum, gate=gate
    )


def _parse(text: str, vocabulary: Vocabulary) -> Override:
    where = f"--override {text}"
    target, equals, value = text.partition("=")
    first, _, rest = target.strip().partition(".")
    stage = None
    if first.isdecimal():
        stage, (first, _, rest) = int(first), rest.partition(".")
    if not (equals and first and rest):
        raise SettingsError(
            f"{where}: must be section.key=value or N.section.key=value.",
            hint="For example: --override ppo.gamma=0.99 2.env.alive_bonus=1.5",
        )
    numbers = [s.number for s in vocabulary.curriculum.stages]
    if stage is not None and stage not in numbers:
        raise SettingsError(
            f"{where}: no stage {stage}; {vocabulary.species.name} has "
            f"{', '.join(map(str, numbers))}."
        )
    if first not in vocabulary.prefixes and first in vocabulary.algorithms:
        raise SettingsError(
            f"{where}: section '{first}' has no effect with --algorithm "
            f"{vocabulary.algorithm.name}.",
            hint=did_you_mean(first, vocabulary.prefixes) or None,
        )
    place = vocabulary.locate(first, rest, where=where)
    try:
        return Override(stage, place, read(value, place.kind))
    except ValueError as cause:
        raise SettingsError(f"{where}: {cause}.") from None
