"""`study.json`: what a study was planned as, so that a worker elsewhere refuses to train another."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mesosweep.domain.errors import StateDamaged, did_you_mean
from mesosweep.domain.plan import SweepPlan, differences
from mesosweep.domain.study import Study

VERSION = 1
_SHOWN = 5
"""So many differences of two stage configurations are told; more would bury the first."""
_NOT_CONFIGURED = ("space", "settings")
"""Parts of a stage's comparables that are no part of its configuration."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What is installed where a trial is planned, or where it runs."""

    core: str
    """Version of mesosweep."""
    species: str
    """Version of the distribution that brings the animal."""
    species_code: str
    """Digest of the animal's package: model, rewards, terminations."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who put a study's document down, and so is about to ask for its job."""

    writer: str
    """A process, for people."""
    token: str
    """Of this process alone: a claim whose reply was lost is known by it again."""
    at: str


@dataclass(frozen=True, slots=True)
class StudyFile:
    """One study as its worker must find it."""

    study: str
    """The study's key."""
    fingerprint: str
    """The plan's."""
    species: str
    algorithm: str
    stage: int
    attempt: int
    installed: Installed
    config: Mapping[str, Any]
    """The stage as resolved: env, curriculum, gate, hyperparameters."""
    overrides: tuple[str, ...]
    declared: Mapping[str, Mapping[str, Any]]
    """Parameters that every trial is given, as a sweep file writes them."""
    fixed: Mapping[str, Any]
    """Parameters that the checkpoint fixes, and their values."""


def study_file(study: Study, plan: SweepPlan, *, core: str, attempt: int) -> StudyFile:
    """Return the document of a study of a plan. Pure: the plan has it all.

    `core` is the version of mesosweep that planned it; `attempt` that of the job.
    """
    told = plan.comparables
    stage = told["stages"][str(study.stage)]
    return StudyFile(
        study=study.key,
        fingerprint=plan.fingerprint,
        species=study.species,
        algorithm=study.algorithm,
        stage=study.stage,
        attempt=attempt,
        installed=Installed(core, told["species_version"], told["species_code"]),
        config={name: value for name, value in stage.items() if name not in _NOT_CONFIGURED},
        overrides=study.overrides,
        declared=study.space.entries(),
        fixed=dict(study.fixed),
    )


def written(file: StudyFile, *, claim: Claim | None = None) -> str:
    """Return the document's text; equal studies, equal text but for who claims them."""
    told = {"version": VERSION, **asdict(file)}
    if claim is not None:
        told["claim"] = asdict(claim)
    return json.dumps(told, indent=2, allow_nan=False) + "\n"


def read_claim(text: str) -> Claim | None:
    """Return who put a document down; None where it does not say."""
    try:
        told = json.loads(text)["claim"]
        return Claim(**{field.name: str(told[field.name]) for field in fields(Claim)})
    except (ValueError, TypeError, KeyError):
        return None


def read_study_file(text: str, *, where: str) -> StudyFile:
    """Read a document; `where` is how errors call it.

    Raises:
        StateDamaged: it cannot be believed, or a later mesosweep wrote it.
    """
    try:
        told = json.loads(text)
        version = told.pop("version")
        if version != VERSION:
            raise StateDamaged(
                f"{where}: written in version {version}; this mesosweep reads {VERSION}.",
                hint="Use an image with the mesosweep that planned the study.",
            )
        told = {field.name: told[field.name] for field in fields(StudyFile)}
        told["installed"] = Installed(**told["installed"])
        told["overrides"] = tuple(told["overrides"])
        return StudyFile(**told)
    except (ValueError, TypeError, KeyError, AttributeError) as cause:
        raise StateDamaged(
            f"{where}: cannot be believed: {cause!r}.",
            hint="Submit the study again; the file is written with it.",
        ) from cause


def problems(
    file: StudyFile, *, installed: Installed, config: Mapping[str, Any], given: Collection[str]
) -> tuple[str, ...]:
    """Say in what a trial would not be one of this study, one line each; empty when it is.

    `installed` and `config` are what the worker itself has and resolved; `given` the
    names of the parameters that arrived.
    """
    return (
        *_versions(file.installed, installed, file.species),
        *_parameters(file, given),
        *_config(file, config),
    )


def _versions(planned: Installed, ours: Installed, species: str) -> list[str]:
    found = []
    if ours.core != planned.core:
        found.append(f"planned with mesosweep {planned.core}, this image has {ours.core}")
    if ours.species != planned.species:
        found.append(f"planned with {species} {planned.species}, this image has {ours.species}")
    elif ours.species_code != planned.species_code:
        found.append(
            f"planned with another {species} {planned.species}: its files have digest "
            f"{planned.species_code}, here {ours.species_code}"
        )
    return found


def _parameters(file: StudyFile, given: Collection[str]) -> list[str]:
    known = {*file.declared, *file.fixed}
    missing = [f"--{name} did not arrive" for name in sorted(known) if name not in given]
    foreign = [
        f"--{name} is no parameter of the study. {did_you_mean(name, known)}".rstrip()
        for name in sorted(given)
        if name not in known
    ]
    return [*missing, *foreign]


def _config(file: StudyFile, config: Mapping[str, Any]) -> list[str]:
    ours = json.loads(json.dumps(config))
    found = differences(ours, json.loads(json.dumps(file.config)))
    told = [f"stage{file.stage} → {line} (planned → here)" for line in found[:_SHOWN]]
    if len(found) > _SHOWN:
        told.append(f"stage{file.stage} → … and {len(found) - _SHOWN} more differences")
    return told
