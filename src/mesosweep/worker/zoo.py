"""A checkpoint in the layout of rl-baselines3-zoo, whose own `enjoy` then plays it."""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import CheckpointDamaged, UsageError
from mesosweep.records.files import writing
from mesosweep.worker.checkpoint import Opened

_ZOO = {
    "ppo": "stable_baselines3:PPO",
    "sac": "stable_baselines3:SAC",
    "tqc": "sb3_contrib:TQC",
    "trpo": "sb3_contrib:TRPO",
    "crossq": "sb3_contrib:CrossQ",
}
"""What the zoo knows of our algorithms, by the name that both use."""
_SCALES_REWARDS = frozenset(("ppo", "trpo"))
"""On-policy learners normalise rewards, those with a replay buffer do not."""
PACKAGE = "mesosweep.envs.gym"
"""Registers every species' env; for the zoo's `--gym-packages`."""


def export_zoo(opened: Opened, folder: Path, *, run: int) -> Path:
    """Write `FOLDER/<algo>/<env>_<run>` and return it.

    The observation statistics are a pickle there: the zoo knows no other form.

    Raises:
        UsageError: the zoo does not know the algorithm, or the folder is there already.
        CheckpointDamaged: the observation statistics are missing.
        StoreError: the folder cannot be written.
    """
    if opened.algorithm.name not in _ZOO:
        raise UsageError(
            f"Algorithm '{opened.algorithm.name}' is none that rl-baselines3-zoo knows.",
            hint=f"It knows {', '.join(_ZOO)}.",
        )
    env_id = _env_id(opened)
    name = env_id.replace("/", "-")
    target = folder / opened.algorithm.name / f"{name}_{run}"
    if target.exists():
        raise UsageError(
            f"{target}: already there.", hint="Give another folder, or remove this one."
        )
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=target.parent) as aside:
            _fill(Path(aside) / "run", opened, name=name, env_id=env_id)
            (Path(aside) / "run").replace(target)
    return target


def env_of(opened: Opened) -> tuple[str, dict[str, Any]]:
    """Return the Gymnasium id of the stage's env, and with which arguments it is made."""
    from mesosweep.envs.gym import stage_env

    number = opened.stage.number
    own = stage_env(opened.species, number)
    changed = {key: value for key, value in opened.reference.items() if own.get(key) != value}
    return _env_id(opened), {"stage": number, **changed}


def _env_id(opened: Opened) -> str:
    from mesosweep.envs.gym import register

    return register(opened.species.name)


def _fill(folder: Path, opened: Opened, *, name: str, env_id: str) -> None:
    about = folder / name
    about.mkdir(parents=True)
    # The zoo asks for the last model by one name and for the best by another; they are one here.
    for model in (f"{name}.zip", "best_model.zip"):
        shutil.copyfile(opened.bundle.policy, folder / model)
    _, arguments = env_of(opened)
    told = opened.bundle.meta.get("parameters", {})
    lead = f"{opened.algorithm.name}."
    given = {key.removeprefix(lead): v for key, v in told.items() if key.startswith(lead)}
    scaled = opened.algorithm.name in _SCALES_REWARDS
    _write_statistics(about / "vecnormalize.pkl", opened, arguments, norm_reward=scaled)
    config = {"policy": "MlpPolicy", **_constructor_arguments(opened.algorithm.name, given)}
    if "net_arch" in given:
        config["policy_kwargs"] = f"dict(net_arch={_widths(given['net_arch'])})"
    config["n_timesteps"] = opened.bundle.step
    config["normalize"] = f"dict(norm_obs=True, norm_reward={scaled})"
    (about / "config.yml").write_text(_yaml(config), encoding="utf-8")
    args = {
        "algo": opened.algorithm.name,
        "env": env_id,
        "env_kwargs": arguments,
        "gym_packages": PACKAGE,
        "n_timesteps": opened.bundle.step,
        "seed": opened.sweep_seed or 0,
    }
    (about / "args.yml").write_text(_yaml(args), encoding="utf-8")


def _constructor_arguments(algorithm: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those settings that SB3's own constructor takes: ours has a few more."""
    from mesosweep.plugins import resolve

    known = inspect.signature(resolve(_ZOO[algorithm], what=f"algorithm '{algorithm}'")).parameters
    return {name: value for name, value in given.items() if name in known}


def _widths(net_arch: Any) -> list[int]:
    from mesosweep.settings.values import net_arch as widths

    return widths(str(net_arch))


def _write_statistics(
    path: Path, opened: Opened, arguments: Mapping[str, Any], *, norm_reward: bool
) -> None:
    """Write SB3's own VecNormalize with our statistics."""
    import gymnasium
    import numpy as np
    from stable_baselines3.common.running_mean_std import RunningMeanStd
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    policy = opened.bundle.policy
    source = policy.with_name(f"{policy.stem}.vecnormalize.npz")
    if source.name not in opened.bundle.parts:
        raise CheckpointDamaged(
            f"{policy}: the bundle holds no observation statistics.",
            hint="Only checkpoints of mesosweep's own learners can be exported to the zoo.",
        )
    with source.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        told = {name: arrays[name] for name in arrays.files}
    # Made as the zoo will make it: what is wrong with it shows here and not there.
    envs = DummyVecEnv([lambda: gymnasium.make(_env_id(opened), **arguments)])
    try:
        statistics = VecNormalize(
            envs,
            norm_reward=norm_reward,
            clip_obs=float(told["clip_obs"]),
            clip_reward=float(told["clip_reward"]),
            gamma=float(told["gamma"]),
            epsilon=float(told["epsilon"]),
        )
        statistics.obs_rms = _moments(told, "obs", RunningMeanStd)
        statistics.ret_rms = _moments(told, "ret", RunningMeanStd)
        statistics.save(str(path))
    finally:
        envs.close()


def _moments(told: Mapping[str, Any], what: str, kind: Any) -> Any:
    mean, var = told[f"{what}_mean"], told[f"{what}_var"]
    found = kind(shape=mean.shape)
    found.mean, found.var, found.count = mean.copy(), var.copy(), float(told[f"{what}_count"])
    return found


def _yaml(settings: Mapping[str, Any]) -> str:
    return "".join(f"{line}\n" for line in _yaml_lines(settings))


def _yaml_lines(settings: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _yaml_lines(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        text = repr(value)
        # YAML 1.1 takes 1e-05 for a word; it wants a point.
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    return json.dumps(value)
