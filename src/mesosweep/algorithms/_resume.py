"""Going on exactly: what a training remembers, taken, published and put back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import numpy as np
import torch as th

from mesosweep.algorithms._session import Halfway, Session
from mesosweep.algorithms._snapshot import Snapshot, under, within
from mesosweep.algorithms._weights import AlgorithmName, Structure
from mesosweep.domain.errors import CheckpointDamaged
from mesosweep.ports import Array, Lesson, Observer

_NOISE = ("exploration_mat", "exploration_matrices")
_REPLAY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


class Keeper:
    """Has a whole state of the training to publish, whenever it is asked for one."""

    def __init__(self, session: Session, *, remembers: bool, published: Snapshot | None) -> None:
        """Keep a session.

        With `remembers` its state can be used only where `remember` is called, so it is
        copied there; else it can be used as it is at any time. `published` is the
        checkpoint that this training went on from: it need not be written again.
        """
        self._session, self._remembers = session, remembers
        self._published = None if published is None else _moment(published)
        self._remembered = taken(session) if remembers else None

    def remember(self) -> None:
        """Take note that training can go on from here."""
        if self._remembers:
            self._remembered = taken(self._session)

    def publish(self, observer: Observer) -> int:
        """Publish the latest state that can be gone on from, once; returns its step."""
        snapshot = self._remembered or taken(self._session)
        if _moment(snapshot) != self._published:
            observer.checkpoint(snapshot.write, step=snapshot.step)
            self._published = _moment(snapshot)
        return snapshot.step


def _moment(snapshot: Snapshot) -> tuple[int, Any, Any]:
    """Return what tells two states of one training apart."""
    return snapshot.step, snapshot.numbers["updates"], snapshot.numbers["owes"]


def taken(session: Session) -> Snapshot:
    """Return a snapshot that training on cannot change.

    A replay buffer alone is not copied: it is too large to be kept twice, and what
    has one writes its snapshot at once.
    """
    session.check_weights()
    model, env = session.model, session.env
    numbers, arrays, tensors = _random_numbers()
    if (log_alpha := getattr(model, "log_ent_coef", None)) is not None:
        tensors["log_alpha"] = log_alpha.detach().clone()
    average = {} if session.average is None else {"average": session.average.state()}
    halfway = None if session.halfway is None else asdict(session.halfway)
    if halfway is not None and model.use_sde:
        tensors["noise"] = _noise(model)
    return Snapshot(
        step=session.step,
        numbers={
            "structure": asdict(session.structure),
            "owes": session.owes,
            "own": dict(session.own),
            "halfway": halfway,
            "updates": model._n_updates,
            "random": numbers,
            "action_space": model.action_space.np_random.bit_generator.state,
        },
        arrays={
            **arrays,
            **under("envs", env.env_method("snapshot")[0]),
            **under("normaliser", env.arrays()),
            **under("replay", _replay(model)),
            "last_obs": model._last_obs.copy(),
            "original_obs": np.array(env.old_obs),
            "episode_starts": model._last_episode_starts.copy(),
        },
        tensors={**tensors, **average, "parameters": deepcopy(model.get_parameters())},
    )


def put_back(session: Session, snapshot: Snapshot) -> None:
    """Bring a freshly built session to where the snapshot was taken.

    Raises:
        CheckpointDamaged: the snapshot is of another trial.
    """
    try:
        _put(session, snapshot)
    except (KeyError, TypeError, ValueError, RuntimeError) as cause:
        raise _foreign(session.lesson, str(cause)) from cause
    session.model.num_timesteps = snapshot.step
    session.ramp()


def structure_in(
    snapshot: Snapshot, hyper: Mapping[str, Any], lesson: Lesson, *, algorithm: AlgorithmName
) -> Structure:
    """Return the network that a snapshot was taken of; the parent is not needed again.

    Raises:
        CheckpointDamaged: the snapshot is of another algorithm or network than the lesson's.
    """
    try:
        told = snapshot.numbers["structure"]
        found = Structure(**{**told, "net_arch": tuple(told["net_arch"])})
    except (KeyError, TypeError) as cause:
        raise _foreign(lesson, f"no structure: {cause}") from cause
    if found.algorithm != algorithm:
        raise _foreign(lesson, f"it is of {found.algorithm}, not of {algorithm}")
    for name in ("net_arch", "activation_fn", "use_sde"):
        if name in hyper and hyper[name] != getattr(found, name):
            raise _foreign(lesson, f"{name} is {getattr(found, name)}, not {hyper[name]}")
    return found


def _put(session: Session, snapshot: Snapshot) -> None:
    model, env = session.model, session.env
    numbers, arrays, tensors = snapshot.numbers, snapshot.arrays, snapshot.tensors
    model.set_parameters(tensors["parameters"])
    if "log_alpha" in tensors:
        model.log_ent_coef.data.copy_(tensors["log_alpha"])
    anew = env.env_method("restore", within("envs", arrays))[0]
    env.restore(within("normaliser", arrays))
    env.old_obs = arrays["original_obs"]
    model._last_obs = arrays["last_obs"]
    model._last_episode_starts = arrays["episode_starts"]
    if anew is not None and np.any(anew):
        # Envs that cannot be put back begin a new episode, and the policy sees its start.
        started = env.env_method("observe")[0]
        env.old_obs[anew] = started[anew]
        model._last_obs[anew] = env.normalize_obs(started)[anew]
        model._last_episode_starts[anew] = True
    model._last_original_obs = env.get_original_obs()
    model._n_updates = numbers["updates"]
    model.action_space.np_random.bit_generator.state = numbers["action_space"]
    session.owes = numbers["owes"]
    session.own = dict(numbers["own"])
    if session.average is not None:
        session.average.restore(tensors["average"])
    session.halfway = None if numbers["halfway"] is None else Halfway(**numbers["halfway"])
    if "noise" in tensors:
        for name, matrix in tensors["noise"].items():
            setattr(model.actor.action_dist, name, matrix.to(model.device))
    if replay := within("replay", arrays):
        for name in _REPLAY:
            getattr(model.replay_buffer, name)[: len(replay[name])] = replay[name]
        model.replay_buffer.pos = int(replay["pos"])
        model.replay_buffer.full = bool(replay["full"])
    _restore_random_numbers(numbers["random"], arrays, tensors)


def _noise(model: Any) -> dict[str, Any]:
    """Return the exploration of gSDE, which holds for several steps."""
    held = model.actor.action_dist
    return {name: getattr(held, name).detach().clone() for name in _NOISE}


def _replay(model: Any) -> dict[str, Any]:
    buffer = getattr(model, "replay_buffer", None)
    if buffer is None:
        return {}
    filled = buffer.buffer_size if buffer.full else buffer.pos
    memory = {name: getattr(buffer, name)[:filled] for name in _REPLAY}
    return {**memory, "pos": buffer.pos, "full": buffer.full}


def _random_numbers() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the state of the global generators, as numbers, arrays and tensors."""
    version, python, gauss = random.getstate()
    # SB3 draws from NumPy's global generator, so that one is what must be kept.
    state: tuple[Any, ...] = np.random.get_state(legacy=True)  # type: ignore[assignment]  # legacy=True gives the tuple
    kind, keys, position, has_gauss, cached = state
    numbers = {
        "python": [version, list(python), gauss],
        "numpy": [kind, int(position), int(has_gauss), float(cached)],
    }
    tensors: dict[str, Any] = {"torch_rng": th.get_rng_state()}
    if th.cuda.is_available():
        tensors["cuda_rng"] = th.cuda.get_rng_state_all()
    return numbers, {"numpy_rng": np.array(keys)}, tensors


def _restore_random_numbers(
    numbers: Mapping[str, Any], arrays: Mapping[str, Array], tensors: Mapping[str, Any]
) -> None:
    version, python, gauss = numbers["python"]
    random.setstate((version, tuple(python), gauss))
    kind, position, has_gauss, cached = numbers["numpy"]
    keys = arrays["numpy_rng"].astype(np.uint32)
    np.random.set_state((kind, keys, position, has_gauss, cached))
    th.set_rng_state(tensors["torch_rng"])
    if "cuda_rng" in tensors and th.cuda.is_available():
        th.cuda.set_rng_state_all(tensors["cuda_rng"])


def _foreign(lesson: Lesson, reason: str) -> CheckpointDamaged:
    return CheckpointDamaged(
        f"{lesson.resume}: this periodic checkpoint does not fit this trial ({reason}).",
        hint="Delete its folder: the trial starts again.",
    )
