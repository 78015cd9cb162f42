"""How our jobs are told from everybody else's, and from each other: their labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from mesosweep.domain.study import Study

STUDY = "mesosweep_study"
SWEEP = "mesosweep_sweep"
STAGE = "mesosweep_stage"
ATTEMPT = "mesosweep_attempt"
_SPECIES = "mesosweep_species"
_ALGORITHM = "mesosweep_algorithm"
_LONGEST = 63
_FORM = re.compile(rf"[a-z0-9_-]{{1,{_LONGEST}}}")


def labels_of(study: Study, own: Mapping[str, str], *, attempt: int) -> dict[str, str]:
    """Return the labels of one job of a study, the user's own first."""
    return {
        **own,
        STUDY: label(study.key),
        SWEEP: sweep_label(study),
        STAGE: str(study.stage),
        ATTEMPT: str(attempt),
        _SPECIES: label(study.species),
        _ALGORITHM: label(study.algorithm),
    }


def label(text: str) -> str:
    """Return the text as a label's value: itself where it may be one, else shortened with a digest."""
    if _FORM.fullmatch(text):
        return text
    plain = re.sub(r"[^a-z0-9_-]", "-", text.lower())
    return f"{plain[: _LONGEST - 13]}-{_digest(text)}"


def sweep_label(study: Study) -> str:
    """Return the label that all jobs of a sweep's folder share, whatever their plan."""
    return _digest(study.folder.rpartition("/")[0])


def of_study(study: Study) -> str:
    """Return the filter that lists the jobs of a study, in its own sweep folder alone.

    Two people who plan the same in two buckets of a project have studies of the same key.
    """
    return f'labels.{STUDY}="{label(study.key)}" AND {of_sweep(study)}'


def of_sweep(study: Study) -> str:
    """Return the filter that lists all jobs that write into the study's sweep folder."""
    return f'labels.{SWEEP}="{sweep_label(study)}"'


EVERY = f"labels.{STUDY}:*"
"""The filter that lists all jobs of ours."""


def told(job: Mapping[str, Any], name: str) -> str | None:
    """Return a label of a job; None where it has none."""
    value: str | None = job.get("labels", {}).get(name)
    return value


def attempt_of(job: Mapping[str, Any]) -> int:
    """Return the attempt that a job of ours writes into; 0 where its label is not a number."""
    text = told(job, ATTEMPT) or ""
    return int(text) if text.isdigit() else 0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
