"""Whether this worker would train what was planned: asked before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesosweep import __version__
from mesosweep.domain.errors import SettingsError
from mesosweep.plugins import SPECIES, Registry
from mesosweep.records.study_file import Installed, StudyFile, problems, read_study_file
from mesosweep.settings.comparables import species_code
from mesosweep.settings.overrides import parse_overrides
from mesosweep.settings.stages import content
from mesosweep.settings.trial import overlaid, own_hyperparameters
from mesosweep.stores import reach
from mesosweep.worker.prepare import Prepared
from mesosweep.worker.request import TrialRequest


@dataclass(frozen=True, slots=True)
class Planned:
    """The document of a study that this worker has what it takes for, its stage unseen."""

    file: StudyFile
    where: str
    request: TrialRequest
    installed: Installed

    def check(self, prepared: Prepared) -> None:
        """Raise SettingsError when the stage is resolved otherwise here than it was planned."""
        config = _config(prepared, self.request)
        _refuse(
            self, problems(self.file, installed=self.installed, config=config, given=_given(self))
        )


def read_planned(request: TrialRequest, registry: Registry) -> Planned:
    """Read the document of a trial's study and compare what is installed and what arrived.

    Raises:
        SettingsError: there is none, or this worker is not what it was written for: another
            version, another study, a parameter that is missing or that nobody declared.
        StateDamaged: it cannot be believed.
        StoreUnreachable: it cannot be read now.
    """
    where = request.study or ""
    document = reach.read(where)
    if document is None:
        raise SettingsError(
            f"--study {where}: there is no such document.",
            # In one line, since the last line of a log is what a service may show of it.
            hint="Submitting a study writes it, and a trial by itself needs none. For a job sent by "
            f"hand: mesosweep plan … --study {request.stage} | gcloud storage cp - {where} "
            "and remove the folders of trials that refused, before you send it again.",
        )
    file = read_study_file(document.decode(errors="replace"), where=where)
    planned = Planned(file, where, request, _installed(request.species, registry))
    _refuse(planned, _another(file, request))
    # Another version may not even know the parameters, so versions come before settings.
    found = problems(file, installed=planned.installed, config=file.config, given=_given(planned))
    _refuse(planned, found)
    return planned


def _another(file: StudyFile, request: TrialRequest) -> tuple[str, ...]:
    """Say in what the document is another study's."""
    names = ("species", "algorithm", "stage", "attempt")
    return tuple(
        f"it is of {name} {getattr(file, name)}, this trial of {getattr(request, name)}"
        for name in names
        if getattr(file, name) != getattr(request, name)
    )


def _given(planned: Planned) -> tuple[str, ...]:
    return tuple(planned.request.injected)


def _refuse(planned: Planned, found: tuple[str, ...]) -> None:
    if found:
        raise SettingsError(
            f"{planned.where}: this trial is not what was planned: {'; '.join(found)}.",
            hint="Plan the sweep with what the image has, or build the image from what it was "
            "planned with.",
        )


def _installed(species: str, registry: Registry) -> Installed:
    versions = [row.version for row in registry.status(SPECIES) if row.name == species]
    code = species_code(registry.get(SPECIES, species))
    return Installed(__version__, versions[0] if versions else "?", code)


def _config(prepared: Prepared, request: TrialRequest) -> Mapping[str, Any]:
    """Return the stage as resolved here, as a plan tells it."""
    vocabulary = prepared.vocabulary
    stage = overlaid(vocabulary, request.stage, parse_overrides(request.overrides, vocabulary))
    # Only this algorithm's table matters, and its values, not how they were spelt.
    judged = {name: value for name, value in content(stage).items() if name != "algorithms"}
    own = own_hyperparameters(vocabulary.algorithm, stage)
    return {**judged, "hyperparameters": own}
