"""Turns the name of an MJCF resource into a compiled model, and tells where its sensors lie."""

from __future__ import annotations

import logging
from importlib.resources import as_file, files
from typing import Any

import mujoco

from mesosweep.domain.errors import PluginError, did_you_mean

_log = logging.getLogger(__name__)


def load_model(resource: str, *, visual: bool = False) -> Any:
    """Compile `package:path/to/model.xml` to a `mujoco.MjModel`; raises PluginError.

    Without `visual`, geoms and materials that are only there to be seen are left out: they
    change no physics but their poses are computed at every step, which can cost a third.
    """
    package, _, path = resource.partition(":")
    if not package or not path:
        raise PluginError(f"Model '{resource}' is not of the form package:path/to/model.xml.")
    try:
        with as_file(files(package).joinpath(path)) as file:
            if not file.is_file():
                raise PluginError(f"Model '{resource}': package {package} holds no file '{path}'.")
            spec = mujoco.MjSpec.from_file(str(file))
            spec.compiler.discardvisual = not visual
            return spec.compile()
    except ModuleNotFoundError as cause:
        raise PluginError(f"Model '{resource}': there is no package '{package}'.") from cause
    except ValueError as cause:  # what MuJoCo raises for XML that it cannot compile
        raise PluginError(f"Model '{resource}' does not compile: {cause}") from cause


def sensor_slices(model: Any) -> dict[str, slice]:
    """Return where each named sensor's numbers lie in `sensordata`."""
    return {
        model.sensor(i).name: slice(
            int(model.sensor_adr[i]), int(model.sensor_adr[i] + model.sensor_dim[i])
        )
        for i in range(model.nsensor)
    }


class NoSuchSensor(PluginError):
    """The body asks for a sensor that its model does not declare."""

    def __init__(self, name: str, known: dict[str, slice]) -> None:
        listed = ", ".join(sorted(known)) if known else "none"
        super().__init__(
            f"The model has no sensor '{name}'. {did_you_mean(name, known)}Known: {listed}."
        )


def _note_warning(text: str) -> None:
    _log.debug("mujoco: %s", text.strip())


# A diverged lane is an ordinary event here. Without a handler MuJoCo prints each one and
# grows a MUJOCO_LOG.TXT in whatever folder the user happens to stand.
mujoco.set_mju_user_warning(_note_warning)
