"""What a stage file may say, the tables of algorithms aside."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

Whole = Annotated[int, Field(ge=1)]
Steps = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class GateTable(_Strict):
    """`[curriculum.gate]`."""

    min_avg_reward: Number | None = None
    min_avg_episode_length: Number | None = None
    min_avg_forward_vel: Number | None = None
    min_success_rate: Share | None = None


class CurriculumTable(_Strict):
    """`[curriculum]`: how a stage begins after a warm start, and when it is passed."""

    warmup_timesteps: Steps | None = None
    warmup_fraction: Share | None = None
    warmup_clip_range: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    warmup_ent_coef: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    ramp_timesteps: Steps | None = None
    ramp_fraction: Share | None = None
    ramp_start_value: Number | None = None
    gate: GateTable = GateTable()

    @model_validator(mode="after")
    def _one_spelling(self) -> CurriculumTable:
        for what in ("warmup", "ramp"):
            if None not in (getattr(self, f"{what}_timesteps"), getattr(self, f"{what}_fraction")):
                raise ValueError(f"holds {what}_timesteps and {what}_fraction; give one of them")
        return self


class StageFile(_Strict):
    """A stage file without the tables of algorithms."""

    name: str
    description: str = ""
    timesteps: Whole
    n_envs: Whole | None = None
    env: dict[str, Any] = {}
    curriculum: CurriculumTable = CurriculumTable()
