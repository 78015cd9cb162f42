"""What is said where nothing can be drawn. Apart from the camera, which needs what may be missing."""

from __future__ import annotations

import os

from mesosweep.domain.errors import MesosweepError


class NoPicture(MesosweepError):
    """This machine offers no way to draw without a screen."""

    def __init__(self, cause: object) -> None:
        told = " ".join(str(cause).split()) or type(cause).__name__
        if isinstance(cause, AttributeError):  # so PyOpenGL says that a library is missing
            told = "the GL library was not found"
        hint = (
            "Install EGL (apt install libegl1 libegl-mesa0 libgl1-mesa-dri), or install "
            "libosmesa6 and set MUJOCO_GL=osmesa."
        )
        if chosen := os.environ.get("MUJOCO_GL"):
            hint += f"\nMUJOCO_GL={chosen} was tried, because it is set; unset, EGL is tried first."
        super().__init__(f"Cannot draw without a screen: {told}", hint=hint)
