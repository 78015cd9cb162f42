"""The Gymnasium env: a batch of one.

`import mesosweep.envs.gym` registers every installed species under its `env_id`, by default
`mesosweep/<Name>-v0`:

    gymnasium.make("mesosweep.envs.gym:mesosweep/Velociraptor-v0", stage=2)
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from importlib.resources import files
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from mesosweep.domain.errors import PluginError, SettingsError
from mesosweep.envs.batch import Lanes
from mesosweep.envs.camera import Camera
from mesosweep.envs.model import load_model
from mesosweep.envs.rules import unknown_setting
from mesosweep.envs.spaces import action_space, observation_space
from mesosweep.plugins import SPECIES, Registry, Species, resolve
from mesosweep.ports import Body

_Floats = NDArray[np.float32]


class BatchEnv(gymnasium.Env[Any, Any]):
    """One lane of one animal, ended by its own horizon (`horizon_s`): it needs no TimeLimit.

    `info` at the end of an episode holds `reason`, the metrics, and `is_success` on
    stages with a task.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012  # Gymnasium's own, replaced per env below
        "render_modes": ["rgb_array"],
        "render_fps": 50,
    }

    def __init__(
        self,
        body: Body,
        settings: Mapping[str, Any],
        *,
        render_mode: str | None = None,
        width: int = 320,
        height: int = 240,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise SettingsError(f"render_mode '{render_mode}' is not one of: rgb_array.")
        self.lanes = Lanes(body, settings, 1)
        self.observation_space = observation_space(body)
        self.action_space = action_space(self.lanes.model)
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": round(1 / self.lanes.dt)}
        self._size = (width, height)
        self._camera: Camera | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Floats, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.lanes.rngs[0] = self.np_random
        if seed is not None:
            self.lanes.seeds[0] = seed
        self.lanes.begin([0])
        return self.lanes.observe()[0], {}

    def step(self, action: _Floats) -> tuple[_Floats, float, bool, bool, dict[str, Any]]:
        stepped = self.lanes.step(np.asarray(action)[None])
        info: dict[str, Any] = {}
        if stepped.episodes:
            episode = stepped.episodes[0]
            info = {"reason": episode.reason, **episode.metrics}
            if episode.success is not None:
                info["is_success"] = episode.success
        truncated = bool(stepped.truncated[0])
        terminated = bool(stepped.ended[0]) and not truncated
        return self.lanes.observe()[0], float(stepped.reward[0]), terminated, truncated, info

    def render(self) -> Any:
        """Return the lane as it stands, (height, width, 3) uint8; raises NoPicture."""
        if self.render_mode is None:
            return None
        if self._camera is None:
            (width, height), model = self._size, load_model(self.lanes.body.model, visual=True)
            self._camera = Camera(model, width=width, height=height)
        return self._camera.picture(self.lanes.scene(0))

    def change_setting(self, name: str, value: Any) -> None:
        self.lanes.change_setting(name, value)

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None
        self.lanes.close()


def open_env(
    species: Species, settings: Mapping[str, Any], *, render_mode: str | None = None
) -> gymnasium.Env[Any, Any]:
    """Open the Gymnasium env of a species with these env settings; raises PluginError."""
    what = f"species '{species.name}'"
    if species.body is not None:
        return BatchEnv(resolve(species.body, what=what), settings, render_mode=render_mode)
    if species.make_env is None:
        raise PluginError(f"Species '{species.name}' names neither a `body` nor a `make_env`.")
    env: gymnasium.Env[Any, Any] = resolve(species.make_env, what=what)(
        dict(settings), render_mode=render_mode
    )
    return env


def make(
    species: str, stage: int = 1, *, render_mode: str | None = None, **settings: Any
) -> gymnasium.Env[Any, Any]:
    """Open the reference env of a stage of an installed species; `settings` override its own.

    Raises SettingsError for a setting that the stage does not have.
    """
    chosen = Registry().get(SPECIES, species)
    own = stage_env(chosen, stage)
    for name in settings:
        if name not in own:
            raise unknown_setting(name, own)
    return open_env(chosen, {**own, **settings}, render_mode=render_mode)


def stage_env(species: Species, stage: int) -> dict[str, Any]:
    """Return the `[env]` table of a stage file without what only training sees."""
    package, _, folder = species.stages.partition(":")
    names = sorted(file.name for file in files(package).joinpath(folder).iterdir())
    name = next((n for n in names if n.startswith(f"stage{stage}_") and n.endswith(".toml")), None)
    if name is None:
        raise SettingsError(
            f"Species '{species.name}' has no stage {stage}.",
            hint=f"Its stage files: {', '.join(n for n in names if n.endswith('.toml'))}",
        )
    table = tomllib.loads(files(package).joinpath(folder, name).read_text())
    return {key: value for key, value in table.get("env", {}).items() if key != "train"}


def register(species: str) -> str:
    """Register the env of a species with Gymnasium, once, and return its id.

    Raises:
        PluginError: the id is another species' already.
    """
    env_id = _own_id(species) or _usual_id(species)
    known = gymnasium.registry.get(env_id)
    if known is None:
        entry = f"{__name__}:make"
        gymnasium.register(env_id, entry_point=entry, kwargs={"species": species})
    elif known.kwargs.get("species") != species:
        owner = known.kwargs.get("species", "somebody else")
        raise PluginError(
            f"Species '{species}': the Gymnasium id {env_id} belongs to {owner}.",
            hint="Give it an env_id of its own.",
        )
    return env_id


def _own_id(species: str) -> str | None:
    try:
        return Registry().get(SPECIES, species).env_id
    except PluginError:
        return None  # whoever makes its env will hear what is wrong with it


def _usual_id(species: str) -> str:
    word = "".join(part.capitalize() for part in species.split("-"))
    return f"mesosweep/{word}-v0"


for _name in Registry().names(SPECIES):
    with suppress(PluginError):  # the first of two that want one id has it
        register(_name)
