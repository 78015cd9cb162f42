"""What is exported to the zoo is played by plain Stable-Baselines3 as we play it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from mesosweep.domain.errors import UsageError
from mesosweep.plugins import SPECIES, Registry
from mesosweep.worker.checkpoint import Asked, Opened, open_checkpoint
from mesosweep.worker.evaluating import play
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.trial import run_trial
from mesosweep.worker.zoo import _scalar, export_zoo

yaml = pytest.importorskip("yaml")
RAPTOR = "velociraptor"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        RAPTOR not in Registry().names(SPECIES), reason="no animal with a body is installed"
    ),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A policy that has hardly been trained, judged on another horizon than its stage's."""
    trial = run_trial(
        TrialRequest(
            species=RAPTOR,
            algorithm="ppo",
            stage=1,
            timesteps=256,
            n_envs=4,
            eval_freq=256,
            eval_episodes=1,
            panel_episodes=1,
            overrides=("env.horizon_s=0.5", "ppo.batch_size=64"),
            output_dir=tmp_path_factory.mktemp("trials"),
            trial_id="1",
        )
    )
    assert trial.checkpoint is not None
    return open_checkpoint(Path(trial.checkpoint.uri), Asked(), registry=Registry())


def test_plain_sb3_plays_the_same_episode(opened: Opened, tmp_path: Path) -> None:
    folder = export_zoo(opened, tmp_path, run=1)

    name = "mesosweep-Velociraptor-v0"
    assert folder == tmp_path / "ppo" / f"{name}_1"
    args = yaml.safe_load((folder / name / "args.yml").read_text())
    assert args["env_kwargs"] == {"stage": 1, "horizon_s": 0.5}
    envs: Any = DummyVecEnv([lambda: gymnasium.make(args["env"], **args["env_kwargs"])])
    envs = VecNormalize.load(str(folder / name / "vecnormalize.pkl"), envs)
    envs.training = envs.norm_reward = False
    model = PPO.load(folder / f"{name}.zip", device="cpu")
    envs.seed(5)
    seen, total, length, done = envs.reset(), 0.0, 0, [False]
    while not done[0]:
        action, _ = model.predict(seen, deterministic=True)
        seen, reward, done, _ = envs.step(action)
        total, length = total + float(reward[0]), length + 1
    envs.close()

    (ours,) = play(opened, [5])
    assert length == ours.length
    assert total == pytest.approx(ours.reward, rel=1e-4)


def test_its_configuration_names_what_sb3_takes_and_nothing_else(
    opened: Opened, tmp_path: Path
) -> None:
    folder = export_zoo(opened, tmp_path, run=1)

    config = yaml.safe_load((folder / "mesosweep-Velociraptor-v0/config.yml").read_text())
    assert config["batch_size"] == 64
    assert config["normalize"] == "dict(norm_obs=True, norm_reward=True)"
    assert "mirror" not in config
    assert "ema_decay" not in config


def test_what_is_there_is_not_overwritten(opened: Opened, tmp_path: Path) -> None:
    export_zoo(opened, tmp_path, run=1)

    with pytest.raises(UsageError, match="already there"):
        export_zoo(opened, tmp_path, run=1)

    assert [path.name for path in (tmp_path / "ppo").iterdir()] == ["mesosweep-Velociraptor-v0_1"]


@pytest.mark.parametrize("value", [1e-05, 3e-4, 1.5e300, 2.0, 7, True, "linear", None, "[64, 64]"])
def test_numbers_stay_numbers_in_yaml(value: object) -> None:
    read = yaml.safe_load(f"x: {_scalar(value)}")["x"]

    assert read == value
    assert type(read) is type(value)
    assert json.dumps(read) == json.dumps(value)
