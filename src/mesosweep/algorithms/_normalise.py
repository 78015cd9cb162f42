"""Observations and rewards on a common scale: learned in training, frozen for judging, kept as data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecNormalize
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs, VecEnvStepReturn

from mesosweep.algorithms._reflection import Reflection
from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.ports import Array

CLIP_OBSERVATION = 10.0
_REQUIRED = ("obs_mean", "obs_var", "obs_count", "clip_obs", "epsilon")


class _Finite(VecEnvWrapper):
    """Envs that raise FloatingPointError instead of handing on a number that is none."""

    def reset(self) -> VecEnvObs:
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        obs, rewards, dones, infos = self.venv.step_wait()
        for what, numbers in (("a reward", rewards), ("an observation", np.asarray(obs))):
            # One pass; numbers whose squares are too large to add up are looked at below.
            if math.isfinite(np.vdot(numbers, numbers)):
                continue
            if not np.isfinite(numbers).all():
                finite = np.isfinite(numbers).reshape(self.num_envs, -1).all(axis=1)
                raise FloatingPointError(
                    f"The training env returned {what} that is not a finite number "
                    f"(lane {int(np.argmin(finite))})."
                )
        return obs, rewards, dones, infos


class _Moments(RunningMeanStd):
    """SB3's running mean and variance, to the last bit, without what `np.var` costs.

    With a reflection they are those of the samples together with their mirror images.
    """

    reflection: Reflection | None = None

    def update(self, arr: Any) -> None:
        count = len(arr)
        mean = np.add.reduce(arr, axis=0) / count
        apart = arr - mean
        apart *= apart
        var = np.add.reduce(apart, axis=0) / count
        if self.reflection is not None:
            mean, var = self.reflection.symmetrised(mean, var)
        if arr.ndim == 1:
            # One number: Python's floats are the same numbers, and quicker.
            mean, var = float(mean), float(var)
        total = self.count + count
        delta = mean - self.mean
        spread = self.var * self.count + var * count
        self.mean = self.mean + delta * count / total
        self.var = (spread + delta * delta * self.count * count / total) / total
        self.count = total


class Normaliser(VecNormalize):
    """SB3's running normalisation, knowing which steps belong to the budget."""

    obs_rms: _Moments  # type: ignore[assignment]  # SB3 allows a dict for dict observations; ours are boxes

    def __init__(
        self,
        venv: VecEnv,
        *,
        gamma: float,
        norm_reward: bool,
        reflection: Reflection | None = None,
    ) -> None:
        """Normalise what `venv` returns.

        With a reflection, statistics are symmetrical: what is seen mirrored is
        normalised to the mirror image of what is seen.
        """
        super().__init__(
            _Finite(venv), norm_reward=norm_reward, clip_obs=CLIP_OBSERVATION, gamma=gamma
        )
        self.obs_rms = _Moments(shape=self.observation_space.shape or ())
        self.obs_rms.reflection = reflection
        self.ret_rms = _Moments(shape=())
        self.ret_rms.mean, self.ret_rms.var = 0.0, 1.0  # type: ignore[assignment]  # floats
        self.counted = venv.num_envs
        """Lanes whose next step belongs to the budget."""
        self.stepped = venv.num_envs
        """Lanes whose latest step belonged to it."""

    def step_wait(self) -> VecEnvStepReturn:
        # The budget may end inside a vector step. That step teaches the statistics
        # nothing: they cannot tell the counted lanes from the surplus ones.
        self.stepped = self.counted
        self.training = self.counted == self.num_envs
        try:
            return super().step_wait()
        finally:
            self.training = True

    def normalize_obs(self, obs: Any) -> Any:
        """Return observations as the policy sees them; SB3's numbers, without its copies."""
        seen = obs - self.obs_rms.mean
        seen /= np.sqrt(self.obs_rms.var + self.epsilon)
        np.maximum(seen, -self.clip_obs, out=seen)
        np.minimum(seen, self.clip_obs, out=seen)
        return seen.astype(np.float32)

    def normalize_reward(self, reward: Any) -> Any:
        """Return rewards on the scale that learning sees."""
        if not self.norm_reward:
            return reward.astype(np.float32)
        scaled = reward / np.sqrt(self.ret_rms.var + self.epsilon)
        return np.minimum(np.maximum(scaled, -self.clip_reward), self.clip_reward).astype(
            np.float32
        )

    def lens(self) -> Lens:
        """Return a frozen copy of how observations are seen now."""
        rms = self.obs_rms
        return Lens(rms.mean.copy(), rms.var.copy(), float(rms.count), self.clip_obs, self.epsilon)

    def see_through(self, lens: Lens) -> None:
        """Go on from the statistics of a lens, as if they had been gathered here."""
        mean, var = lens.mean.copy(), lens.var.copy()
        if self.obs_rms.reflection is not None:
            # Another training need not have been symmetrical; what is, stays as it is.
            mean, var = self.obs_rms.reflection.symmetrised(mean, var)
        self.obs_rms.mean, self.obs_rms.var, self.obs_rms.count = mean, var, lens.count

    def arrays(self) -> dict[str, Array]:
        """Return everything that normalisation remembers, as arrays."""
        return {
            **self.lens().arrays(),
            "ret_mean": np.array(self.ret_rms.mean),
            "ret_var": np.array(self.ret_rms.var),
            "ret_count": np.array(self.ret_rms.count),
            "returns": self.returns.copy(),
            "gamma": np.array(self.gamma),
            "clip_reward": np.array(self.clip_reward),
        }

    def restore(self, arrays: dict[str, Array]) -> None:
        """Take back what `arrays` returned."""
        self.see_through(Lens.of(arrays))
        mean, var = (float(arrays[name]) for name in ("ret_mean", "ret_var"))
        self.ret_rms.mean, self.ret_rms.var = mean, var  # type: ignore[assignment]  # floats
        self.ret_rms.count = float(arrays["ret_count"])
        self.returns = np.array(arrays["returns"], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Lens:
    """A frozen view of raw observations, as the policy learned to see them."""

    mean: NDArray[np.float64]
    """(obs_dim,)."""
    var: NDArray[np.float64]
    count: float
    clip: float
    epsilon: float

    def __call__(self, observations: Array) -> Array:
        """Normalise raw observations, (n, obs_dim), exactly as training does."""
        seen = observations - self.mean
        seen /= np.sqrt(self.var + self.epsilon)
        np.maximum(seen, -self.clip, out=seen)
        np.minimum(seen, self.clip, out=seen)
        return seen.astype(np.float32)

    def arrays(self) -> dict[str, Array]:
        return {
            "obs_mean": self.mean,
            "obs_var": self.var,
            "obs_count": np.array(self.count),
            "clip_obs": np.array(self.clip),
            "epsilon": np.array(self.epsilon),
        }

    @classmethod
    def of(cls, arrays: Any) -> Lens:
        """Read a lens; raises KeyError for what is missing."""
        mean, var, count, clip, epsilon = (
            np.asarray(arrays[name], np.float64) for name in _REQUIRED
        )
        return cls(mean, var, float(count), float(clip), float(epsilon))


def statistics_path(policy: Path) -> Path:
    """Return where the statistics of a policy zip lie."""
    return policy.with_name(f"{policy.stem}.vecnormalize.npz")


def write_statistics(env: Normaliser, policy: Path) -> None:
    """Write the statistics beside a policy zip."""
    arrays: dict[str, Any] = dict(env.arrays())
    with statistics_path(policy).open("wb") as file:
        np.savez(file, **arrays)


def read_statistics(policy: Path, *, observation_shape: tuple[int, ...]) -> Lens:
    """Read the statistics beside a policy zip.

    Raises:
        CheckpointDamaged: they are missing, cut off, or of other observations.
    """
    path = statistics_path(policy)
    try:
        # An own handle: NumPy leaves its one open when the file is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            lens = Lens.of(arrays)
    except FileNotFoundError:
        raise CheckpointDamaged(
            f"{path}: the observation statistics of {policy.name} are missing.",
            hint="A policy cannot see without them. Copy the whole bundle, or start from another checkpoint.",
        ) from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as cause:
        raise CheckpointDamaged(
            f"{path}: the observation statistics cannot be read ({cause}).",
            hint="Copy the bundle again from where it was made, or start from another checkpoint.",
        ) from cause
    if lens.mean.shape != observation_shape or lens.var.shape != observation_shape:
        raise CheckpointDamaged(
            f"{path}: made for observations of shape {lens.mean.shape}, this stage gives {observation_shape}.",
            hint="It belongs to another species, or to another version of this one.",
        )
    if not (np.isfinite(lens.mean).all() and np.isfinite(lens.var).all()):
        raise CheckpointDamaged(
            f"{path}: the observation statistics are not finite.",
            hint="Start from another checkpoint.",
        )
    return lens
