"""A checkpoint opened to be looked at: its policy, and the ground that its stage is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesosweep.domain.curriculum import Settings, Stage
from mesosweep.domain.errors import SettingsError, UsageError
from mesosweep.domain.plan import differences
from mesosweep.domain.seeds import Evidence, evidence_seeds
from mesosweep.plugins import ALGORITHMS, SPECIES, Algorithm, Registry, Species, resolve
from mesosweep.ports import Ground, Learner, Policy
from mesosweep.records.bundle import Bundle, open_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import read_metrics
from mesosweep.records.stage_config import StageConfig, read_stage_config
from mesosweep.settings.overrides import parse_overrides
from mesosweep.settings.parameters import Vocabulary
from mesosweep.settings.stages import load_curriculum
from mesosweep.settings.trial import overlaid

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What was said of a checkpoint beside where it lies; None for what it says of itself."""

    species: str | None = None
    algorithm: str | None = None
    stage: int | None = None
    """Judge it on this stage as it is installed."""
    stage_dir: Path | None = None
    overrides: tuple[str, ...] = ()
    trust: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A whole checkpoint, ready to play."""

    bundle: Bundle
    species: Species
    algorithm: Algorithm
    stage: Stage
    """The stage it is judged on, gate and all."""
    reference: Settings
    """The env settings it is judged under."""
    ground: Ground
    policy: Policy
    sweep_seed: int | None
    """Seed of the sweep that made it; None where its record is not beside it."""
    judged_on: Mapping[Evidence, int] = field(default_factory=dict)
    """Evidence → how many episodes of it its own trial was judged on, as far as is known here."""
    notes: tuple[str, ...] = ()

    def evidence(self, block: Evidence, count: int) -> range:
        """Return the episode seeds of a block that its own sweep judges on.

        Raises:
            UsageError: nobody knows which sweep that was.
        """
        if self.sweep_seed is None:
            raise UsageError(
                f"{self.bundle.policy}: which {block} episodes its sweep used is not known; "
                "stage_config.json is not beside it.",
                hint="Copy the trial's whole folder, or choose episodes with --seed.",
            )
        number = self.stage.number
        return evidence_seeds(block, sweep_seed=self.sweep_seed, stage=number, count=count)


def open_checkpoint(policy: Path, asked: Asked, *, registry: Registry) -> Opened:
    """Verify a bundle and open everything that is needed to play it.

    It is judged under the reference settings that its trial was judged under, where its
    record is beside it and nothing else was asked for; else under its stage's own.

    Raises:
        CheckpointDamaged: the bundle is not whole, or of another species or algorithm.
        UsageError: it does not say what it is of, a plugin is missing, or a setting is wrong.
    """
    bundle = open_bundle(policy)
    species = registry.get(SPECIES, _said("species", asked.species, bundle))
    algorithm = registry.get(ALGORITHMS, _said("algorithm", asked.algorithm, bundle))
    number = asked.stage if asked.stage is not None else int(_said("stage", None, bundle))
    curriculum = load_curriculum(species, asked.stage_dir, registry=registry)
    vocabulary = Vocabulary.of(species, algorithm, curriculum, registry)
    stage = overlaid(vocabulary, number, parse_overrides(asked.overrides, vocabulary))
    record = _record(policy)
    reference: Settings = stage.env
    notes: tuple[str, ...] = ()
    if record is not None and _as_trained(asked, record):
        reference = record.reference
        notes = tuple(_differences(stage, reference))
    ground = _open_ground(species, reference)
    learner: Learner = resolve(
        algorithm.learner, what=f"algorithm '{algorithm.name}'", extra=algorithm.extra
    )()
    return Opened(
        bundle=bundle,
        species=species,
        algorithm=algorithm,
        stage=stage,
        reference=reference,
        ground=ground,
        policy=learner.load(bundle.policy, ground, trust=asked.trust),
        sweep_seed=_sweep_seed(record),
        judged_on=_judged_on(policy, record) if record and record.stage == number else {},
        notes=notes,
    )


def _said(what: str, asked: str | None, bundle: Bundle) -> str:
    told = asked if asked is not None else bundle.meta.get(what)
    if told is None:
        raise UsageError(
            f"{bundle.policy}: its manifest does not say of which {what} it is.",
            hint=f"Say so: --{what} …",
        )
    return str(told)


def _record(policy: Path) -> StageConfig | None:
    path = TrialFolder(policy.parent.parent).stage_config
    return read_stage_config(path) if path.is_file() else None


def _as_trained(asked: Asked, record: StageConfig) -> bool:
    """Whether nothing was asked for but what the trial itself was judged on."""
    plain = asked.stage is None and asked.stage_dir is None and not asked.overrides
    return plain and asked.species in (None, record.species)


def _differences(stage: Stage, reference: Mapping[str, Any]) -> list[str]:
    """Say where the trial's own reference is not the installed stage's."""
    found = differences(dict(reference), dict(stage.env))
    if not found:
        return []
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    told = f"{'; '.join(found[:_SHOWN])}{more}"
    number = stage.number
    note = f"Judged as its trial was; stage {number} as installed differs (installed → trial): "
    return [f"{note}{told}. --stage {number} takes the installed one."]


def _sweep_seed(record: StageConfig | None) -> int | None:
    told = record.run.get("sweep_seed") if record is not None else None
    return told if isinstance(told, int) else None


def _judged_on(policy: Path, record: StageConfig) -> dict[Evidence, int]:
    told = read_metrics(TrialFolder(policy.parent.parent).metrics)
    # Only a winner has been verified, and its record says on how many episodes.
    tested = told.get("test_episodes") if isinstance(told, dict) else None
    counts: dict[Evidence, object] = {
        "select": record.run.get("eval_episodes"),
        "panel": record.run.get("panel_episodes"),
        "test": tested,
    }
    return {evidence: count for evidence, count in counts.items() if isinstance(count, int)}


def _open_ground(species: Species, reference: Settings) -> Ground:
    from mesosweep.envs.ground import open_ground

    try:
        return open_ground(species, reference=reference, training=reference)
    except KeyError as cause:  # settings of another version of the species
        raise SettingsError(
            f"Species '{species.name}' cannot be opened with the checkpoint's settings: "
            f"{cause} is missing.",
            hint="Name the stage to judge it on as it is installed: --stage N",
        ) from cause


def definitions(species: Species) -> dict[str, tuple[str, str]]:
    """Return the species' metrics: name → (what it is, unit); empty where none are declared."""
    if species.body is None:
        return {}
    body = resolve(species.body, what=f"species '{species.name}'")
    return {name: (metric.summary, metric.unit) for name, metric in body.metrics.items()}


def steps_per_second(species: Species) -> float | None:
    """Return the control steps of a second; None for an env that does not say."""
    if species.body is None:
        return None
    from mesosweep.envs.model import load_model

    body = resolve(species.body, what=f"species '{species.name}'")
    return float(1 / (load_model(body.model).opt.timestep * body.frame_skip))
