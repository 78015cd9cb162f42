"""One episode of a checkpoint, played first and drawn afterwards: only what is wanted is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from mesosweep.domain.errors import UsageError
from mesosweep.domain.score import Episode
from mesosweep.plugins import resolve
from mesosweep.worker.checkpoint import Opened

_SHADOWS = 1024
"""Pixels of the shadow map: a software rasteriser draws four times as fast as with 4096."""


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """All that a picture needs of one moment."""

    qpos: Any
    """(nq,)."""
    mocap_pos: Any
    """(nmocap, 3)."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """An episode as it can be drawn: one moment per control step, its start first."""

    episode: Episode
    steps_per_s: float
    moments: Sequence[Any]
    """Poses of a body, or pictures that a foreign env drew itself."""


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are taken."""

    width: int
    height: int
    camera: str | None = None
    """Name of one of the model's; None for its first."""
    fine: bool = False
    """Smooth edges and shadows as the model asks for them; takes several times as long."""


def record(opened: Opened, seed: int) -> Recording:
    """Play the episode of a seed, the same that `evaluating.play` plays.

    Raises:
        UsageError: a foreign env draws no pictures.
    """
    if opened.species.body is None:
        return _foreign(opened, seed)
    from mesosweep.envs.batch import Lanes
    from mesosweep.envs.ground import in_equal_blocks

    body = resolve(opened.species.body, what=f"species '{opened.species.name}'")
    lanes = Lanes(body, opened.reference, 1)
    with closing(lanes):
        lanes.seed(0, seed)
        lanes.begin([0])
        poses = [_pose(lanes)]
        while True:
            stepped = lanes.step(in_equal_blocks(opened.policy, lanes.observe()))
            poses.append(_pose(lanes))
            if 0 in stepped.episodes:
                return Recording(stepped.episodes[0], 1 / lanes.dt, poses)


def draw(opened: Opened, moments: Sequence[Any], look: Look) -> Iterator[Any]:
    """Yield a picture of each moment, (height, width, 3) uint8.

    Raises:
        NoPicture: this machine cannot draw.
        UsageError: the model has no such camera.
    """
    if opened.species.body is None:
        yield from moments
        return
    from mesosweep.envs.camera import Camera
    from mesosweep.envs.model import load_model

    body = resolve(opened.species.body, what=f"species '{opened.species.name}'")
    model = load_model(body.model, visual=True)
    if not look.fine:
        model.vis.quality.offsamples = 0
        model.vis.quality.shadowsize = min(_SHADOWS, model.vis.quality.shadowsize)
    with closing(Camera(model, width=look.width, height=look.height, camera=look.camera)) as camera:
        for moment in moments:
            yield camera.picture(moment)


def spread(count: int, wanted: int) -> tuple[int, ...]:
    """Return `wanted` places among `count`, evenly from the first to the last."""
    if wanted >= count:
        return tuple(range(count))
    return tuple(int(place) for place in np.linspace(0, count - 1, wanted).round())


def strip(pictures: Sequence[Any], columns: int) -> Any:
    """Return pictures side by side, row by row; what is left of the last row stays white."""
    columns = min(columns, len(pictures))
    blank = np.full_like(pictures[0], 255)
    padded = [*pictures, *[blank] * (-len(pictures) % columns)]
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    return np.vstack(rows)


def _pose(lanes: Any) -> Pose:
    return Pose(lanes.qpos[0].copy(), lanes.mocap_pos[0].copy())


def _foreign(opened: Opened, seed: int) -> Recording:
    """Play an ordinary Gymnasium env, which has to draw as it goes."""
    from mesosweep.envs.gym import open_env

    env = open_env(opened.species, opened.reference, render_mode="rgb_array")
    with closing(env):
        observation, _ = env.reset(seed=seed)
        pictures = [_drawn(env.render, opened.species.name)]
        total, length, terminated, truncated = 0.0, 0, False, False
        info: dict[str, Any] = {}
        while not (terminated or truncated):
            action = opened.policy(np.asarray(observation)[None])[0]
            observation, reward, terminated, truncated, info = env.step(action)
            pictures.append(_drawn(env.render, opened.species.name))
            total, length = total + float(reward), length + 1
        fps = float(env.metadata.get("render_fps") or 30)
    success = bool(info["is_success"]) if "is_success" in info else None
    ended = "horizon" if truncated and not terminated else "terminated"
    reason = "success" if success else str(info.get("reason", ended))
    return Recording(Episode(seed, total, length, reason, success), fps, pictures)


def _drawn(render: Callable[[], Any], species: str) -> Any:
    try:
        picture = render()
    except NotImplementedError:  # Gymnasium's own answer for those who draw nothing
        picture = None
    if not (isinstance(picture, np.ndarray) and picture.ndim == 3):
        raise UsageError(
            f"Species '{species}' draws no pictures: its env's render() gives none.",
            hint="Let make_env(settings, render_mode='rgb_array') return an env that renders "
            "(height, width, 3) arrays.",
        )
    return picture
