"""The `job` of a sweep file: machines and places, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mesosweep.settings.complaints import from_pydantic

JobValue: TypeAlias = str | int | float | bool | Mapping[str, str]


class _Job(BaseModel):
    """Named as the flags are, with `_` for `-`. What the values mean the backend knows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    project: str | None = None
    image: str | None = None
    bucket: str | None = None
    location: str | None = None
    machine_type: str | None = None
    accelerator_type: str | None = None
    accelerator_count: Annotated[int, Field(ge=1)] | None = None
    spot: bool | None = None
    service_account: str | None = None
    network: str | None = None
    labels: dict[str, str] | None = None
    early_stopping: str | None = None
    max_failed_trials: Annotated[int, Field(ge=1)] | None = None
    any_machine: bool | None = None
    max_cost: Annotated[float, Field(gt=0)] | None = None
    price_file: str | None = None


def job_entries(table: Mapping[str, object], where: str) -> Mapping[str, JobValue]:
    """Return what the table says; raises SettingsError naming the key."""
    told = {key: value for key, value in table.items() if not key.startswith("_comment")}
    try:
        return _Job.model_validate(told).model_dump(exclude_none=True)
    except ValidationError as cause:
        raise from_pydantic(where, cause, known=_Job.model_fields) from None
