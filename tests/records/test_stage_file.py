"""What is written as a stage file is read back as the same stage."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.score import Gate
from mesosweep.plugins import Species
from mesosweep.records.stage_file import stage_file_name, stage_text
from mesosweep.settings.stages import load_curriculum

STAGE = Stage(
    number=1,
    name="balance",
    description='Stand "still" \\ do not fall, Ünïcode.',
    timesteps=1_000,
    n_envs=64,
    env={"alive_bonus": 1.0, "task": False, "horizon": 500},
    env_train={"alive_bonus": 1e-05},
    algorithms={
        "ppo": {"gamma": 0.99, "net_arch": "[64, 64]", "schedule": "linear", "mirror": True},
        "sac": {"batch_size": 256},
    },
    curriculum={"warmup_fraction": 0.1, "ramp_timesteps": 100},
    gate=Gate(min_avg_reward=10.0, min_success_rate=0.5),
)
SPECIES = Species(
    name="dodo",
    summary="",
    stages="none:none",
    settings=dict.fromkeys(("alive_bonus", "task", "horizon"), "A setting."),
)


def test_the_same_stage_comes_back(tmp_path: Path) -> None:
    (tmp_path / stage_file_name(STAGE)).write_text(stage_text(STAGE, comments=["Found.", "Good."]))

    (read,) = load_curriculum(SPECIES, tmp_path).stages

    assert read == STAGE


def test_comments_stand_above_and_widths_are_a_list() -> None:
    text = stage_text(STAGE, comments=["Found."])

    assert text.startswith("# Found.\nname = ")
    assert tomllib.loads(text)["ppo"]["net_arch"] == [64, 64]


def test_what_is_empty_is_left_out() -> None:
    text = stage_text(Stage(2, "run", "", 10, {}))

    assert tomllib.loads(text) == {"name": "run", "description": "", "timesteps": 10}


@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**53), 2**53)
    | st.booleans()
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20)
)
def test_every_value_survives(value: float | bool | str) -> None:
    stage = Stage(1, "balance", "", 10, {}, algorithms={"ppo": {"x": value}})

    (found,) = tomllib.loads(stage_text(stage))["ppo"].values()

    # Text that reads as widths of layers is written as the list that it is.
    told = json.loads(str(value)) if isinstance(found, list) else value
    assert type(found) is type(told)
    assert found == told
