"""Takes pictures of a lane without a screen, through EGL or OSMesa."""

from __future__ import annotations

import ctypes.util
import os
import warnings
from importlib import import_module
from typing import Any

import mujoco
import numpy as np

from mesosweep.domain.errors import UsageError, did_you_mean
from mesosweep.envs.no_picture import NoPicture


class Camera:
    """An offscreen renderer of one model; `close` gives its OpenGL context back.

    The model may hold more geoms than the one that is simulated, but the same bodies and joints.

    Looks through the model's first camera if it has one, else follows its first moving body.
    """

    def __init__(
        self, model: Any, *, width: int = 320, height: int = 240, camera: str | None = None
    ) -> None:
        """Open a renderer; `camera` is the name of one of the model's.

        Raises:
            UsageError: the model has no camera of that name.
            NoPicture: this machine cannot draw.
        """
        chosen = 0 if camera is None else _camera(model, camera)
        self._model = model
        self._data = mujoco.MjData(model)
        model.vis.global_.offwidth = max(width, model.vis.global_.offwidth)
        model.vis.global_.offheight = max(height, model.vis.global_.offheight)
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)
        self._gl = _open_context(width, height)
        self._mjr = self._renderer(model)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._mjr)
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._option = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        if model.ncam:
            self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
            self._view.fixedcamid = chosen
        else:
            mujoco.mjv_defaultFreeCamera(model, self._view)
            self._view.type = mujoco.mjtCamera.mjCAMERA_TRACKING
            self._view.trackbodyid = _first_moving_body(model)

    def _renderer(self, model: Any) -> Any:
        try:
            self._gl.make_current()
            return mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        except Exception as cause:  # a driver without what MuJoCo needs shows here and not before
            self._gl.free()
            raise NoPicture(cause) from cause

    def picture(self, data: Any) -> Any:
        """Return one `MjData` as an image, (height, width, 3) uint8; the caller owns it."""
        self._data.qpos[:], self._data.mocap_pos[:] = data.qpos, data.mocap_pos
        mujoco.mj_forward(self._model, self._data)
        self._gl.make_current()
        mujoco.mjv_updateScene(
            self._model, self._data, self._option, None, self._view,
            mujoco.mjtCatBit.mjCAT_ALL.value, self._scene,
        )  # fmt: skip
        mujoco.mjr_render(self._rect, self._scene, self._mjr)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._mjr)
        return np.flipud(self._pixels).copy()

    def close(self) -> None:
        """Free the renderer; further calls do nothing."""
        if self._gl is not None:
            self._gl.make_current()
            self._mjr.free()
            self._gl.free()
            self._gl = None


def _camera(model: Any, name: str) -> int:
    names = [model.camera(i).name for i in range(model.ncam)]
    if name not in names:
        listed = ", ".join(names) or "none"
        raise UsageError(
            f"The model has no camera '{name}'.",
            hint=f"{did_you_mean(name, names)}There are: {listed}.",
        )
    return names.index(name)


def _first_moving_body(model: Any) -> int:
    return next((i for i in range(1, model.nbody) if model.body_dofnum[i]), 0)


def _open_context(width: int, height: int) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they warn of, the error says
            return _context_class()(width, height)
    except Exception as cause:  # each GL stack fails in its own way, none can be told apart
        raise NoPicture(cause) from cause


def _context_class() -> Any:
    if os.environ.get("MUJOCO_GL") or os.environ.get("DISPLAY") or os.name != "posix":
        return mujoco.GLContext
    # MuJoCo chooses when it is imported, and then a window system that is not there. Looked
    # for by library: PyOpenGL can be tied to one platform only once in a process.
    for library, module in (("EGL", "mujoco.egl"), ("OSMesa", "mujoco.osmesa")):
        if ctypes.util.find_library(library):
            return import_module(module).GLContext
    return mujoco.GLContext
