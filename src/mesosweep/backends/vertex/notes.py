"""What a user should know of a study before it is sent: sentences, never refusals."""

from __future__ import annotations

from collections.abc import Iterator

from mesosweep.backends.vertex.machines import CHECKED
from mesosweep.backends.vertex.request import timeout_s
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.study import Study

_OUR_DEFAULT_SAMPLER = "tpe"


def notes_on(study: Study, settings: JobSettings) -> tuple[str, ...]:
    """Return what is worth saying of a study's job, most expensive first."""
    return tuple(_notes(study, settings))


def _notes(study: Study, settings: JobSettings) -> Iterator[str]:
    where = f"stage{study.stage}"
    if settings.accelerator_type is not None and study.device == "cpu":
        yield (
            f"{settings.accelerator_count} × {settings.accelerator_type} is paid for and idle: "
            "networks are computed on the CPU; --device cuda uses it."
        )
    if settings.machine_problem:
        yield f"Sent all the same: {settings.machine_problem} (our table of {CHECKED:%-d %B %Y})."
    for name in settings.secrets:
        yield (
            f"{name} travels in the job in clear: whoever may look at jobs of {settings.project} "
            "can read it. Inside the image it is seen by fewer."
        )
    if settings.spot:
        yield "SPOT: a trial may lose its machine; it goes on from its last checkpoint on another."
    if study.default is not None:
        yield (
            f"{where}: Vertex AI takes no known points, so the species' own configuration "
            "is not tried as trial 0."
        )
    if study.sampler != _OUR_DEFAULT_SAMPLER:
        yield f"{where}: --sampler {study.sampler} is not used: Vertex AI chooses by itself."
    failed, beside = settings.max_failed_trials, min(study.parallel, study.trials)
    if failed < beside:
        # Others take the place of all but the last of those that fail, if machines come so soon.
        most = min(beside + failed - 1, study.trials)
        yield (
            f"{failed} failed trials end a stage's job, but {beside} begin at once: an image that "
            f"cannot start costs {f'{beside} to {most}' if most > beside else beside} trials. "
            "A small launch shows for less that the image works."
        )
    hours = timeout_s(study, settings) / 3_600
    yield f"{where}: a trial that takes longer than {hours:.2g} h is ended by Vertex AI."
