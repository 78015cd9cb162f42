"""Versions of what a trial was trained with, for people who compare records."""

from __future__ import annotations

import platform
import sys

from mesosweep import __version__

_TOLD = ("torch", "stable_baselines3", "sb3_contrib", "gymnasium", "mujoco", "numpy")


def versions() -> dict[str, str]:
    """Return the versions of what is loaded in this process; loads nothing itself."""
    loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in _TOLD}
    return {
        "mesosweep": __version__,
        "python": platform.python_version(),
        **{name: str(version) for name, version in loaded.items() if version is not None},
    }
