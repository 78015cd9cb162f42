"""What a machine counts as in the quota of custom training, and what Service Usage says of it.

Meters are called as the service itself calls them when it refuses a job for lack of quota, e.g.
`aiplatform.googleapis.com/custom_model_training_preemptible_nvidia_t4_gpus`. Answers have the form
of `services.consumerQuotaMetrics.get` of the Service Usage API, v1beta1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mesosweep.rehearsal.refusal import Refusal

SERVICE = "aiplatform.googleapis.com"
TRAINING = "custom_model_training_"
UNLIMITED = -1
_MACHINE = re.compile(r"(?P<family>[a-z]+\d+[a-z]*)-[a-z0-9]+-(?P<cpus>\d+)")
_COMMON = ("n1", "e2")
"""Families that share the meter which names none."""
_PATH = re.compile(
    rf"/v1beta1/projects/(?P<project>[^/]+)/services/{re.escape(SERVICE)}"
    rf"/consumerQuotaMetrics/{re.escape(SERVICE)}/(?P<meter>\w+)"
)


def taken_by(
    machine_type: str, accelerator: str = "", count: int = 0, *, is_spot: bool = False
) -> Mapping[str, int]:
    """Return what one machine takes: meter → CPUs or accelerators.

    A machine whose name does not tell its CPUs takes none here.
    """
    start = f"{TRAINING}preemptible_" if is_spot else TRAINING
    takes = {}
    if machine := _MACHINE.fullmatch(machine_type):
        family = "" if machine["family"] in _COMMON else f"{machine['family']}_"
        takes[f"{start}{family}cpus"] = int(machine["cpus"])
    if accelerator and count:
        takes[f"{start}{_called(accelerator)}_gpus"] = count
    return takes


def metric_asked(path: str) -> tuple[str, str] | None:
    """Return project and meter that a path (unquoted) asks for; None where it asks for neither."""
    found = _PATH.fullmatch(path)
    return None if found is None else (found["project"], found["meter"])


def quota_answer(project: str, meter: str, limit: int) -> dict[str, Any]:
    """Return what Service Usage answers: numbers as text, the project's default bucket first.

    Raises:
        Refusal: there is no such meter.
    """
    if not meter.startswith(TRAINING):
        raise Refusal("NOT_FOUND", f"Quota metric '{SERVICE}/{meter}' is not found.")
    name = f"projects/{project}/services/{SERVICE}/consumerQuotaMetrics/{SERVICE}%2F{meter}"
    told = {"effectiveLimit": str(limit), "defaultLimit": str(limit)}
    return {
        "name": name,
        "metric": f"{SERVICE}/{meter}",
        "consumerQuotaLimits": [
            {
                "name": f"{name}/limits/%2Fproject%2Fregion",
                "metric": f"{SERVICE}/{meter}",
                "unit": "1/{project}/{region}",
                "quotaBuckets": [told],
            }
        ],
        "unit": "1",
    }


def _called(accelerator: str) -> str:
    name = accelerator.lower().replace("tesla_", "")
    # Only the A100 comes with two sizes of memory, and two meters.
    return name if "a100" in name else re.sub(r"_\d+gb$", "", name)
