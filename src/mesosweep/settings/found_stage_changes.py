"""Whether what is installed is still what a sweep was searched with, by the rule of its fingerprint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mesosweep.domain.plan import differences
from mesosweep.domain.state import SweepState
from mesosweep.plugins import Registry
from mesosweep.settings.comparables import installed_species, lesson_of
from mesosweep.settings.desk import Desk
from mesosweep.settings.flags import Flags


def changes_since(
    state: SweepState,
    stage: int,
    *,
    registry: Registry,
    overrides: tuple[str, ...] = (),
    stage_dir: str | None = None,
) -> tuple[str, ...]:
    """Name what of the animal and of a stage differs from then, as `what: then → now`.

    `overrides` and `stage_dir` are those that its trials were given.

    Raises:
        SettingsError: they cannot be applied any more.
        PluginError: species or algorithm is not installed.
    """
    flags = Flags(
        species=state.species,
        algorithm=state.algorithm,
        overrides=overrides,
        stage_dir=stage_dir,
    )
    desk = Desk.open(flags, registry, {})
    # As it was written into the state: tuples became lists there.
    lesson: dict[str, Any] = json.loads(json.dumps(lesson_of(desk, stage)))
    known: Mapping[str, Any] = state.comparables["stages"][str(stage)]
    animal = installed_species(desk)
    return (
        *differences(animal, {name: state.comparables.get(name) for name in animal}),
        *differences(lesson, {name: known.get(name) for name in lesson}),
    )
