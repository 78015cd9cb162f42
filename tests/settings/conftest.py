"""Animals on paper and a registry that holds them; nothing is installed for these tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mesosweep.algorithms.sb3 import PPO, SAC
from mesosweep.domain.errors import PluginNotFound
from mesosweep.plugins import (
    ALGORITHMS,
    BACKENDS,
    SAMPLERS,
    SPECIES,
    TRACKERS,
    Kind,
    PluginStatus,
    Registry,
    Species,
)
from mesosweep.settings.parameters import Vocabulary
from mesosweep.settings.stages import load_curriculum

T = TypeVar("T")

BALANCE = """
name = "balance"
description = "Stand."
timesteps = 500_000
n_envs = 8

[env]
horizon_s = 10.0
forward_vel_weight = 0.0
alive_bonus = 1.0
posture_weight = 1
nosedive_weight = 1.0
task = false
WORD_bonus = 0.0
WORD_approach_weight = 0.0
WORD_proximity_weight = 0.0
push_strength = 4.0

[env.train]
push_strength = 2.0

[ppo]
learning_rate = 3e-4
n_steps = 1024
net_arch = "medium"

[sac]
ent_coef = 0.05

[curriculum.gate]
min_avg_reward = 100.0
min_avg_episode_length = 900
"""
LOCOMOTION = """
name = "locomotion"
timesteps = 1_000_000

[env]
horizon_s = 10.0
forward_vel_weight = 2.0
alive_bonus = 0.5
posture_weight = 1
nosedive_weight = 1.0
task = false

[ppo]
gamma = 0.98

[curriculum]
warmup_timesteps = 100_000
warmup_clip_range = 0.02
ramp_fraction = 0.25
ramp_start_value = 0.2

[curriculum.gate]
min_avg_forward_vel = 2.0
"""
BEHAVIOUR = """
name = "behaviour"
timesteps = 1_500_000

[env]
horizon_s = 10.0
forward_vel_weight = 1.0
alive_bonus = 0.1
posture_weight = 1
nosedive_weight = 1.0
task = true
WORD_bonus = 50.0
WORD_approach_weight = 2.0
WORD_proximity_weight = 0.5

[curriculum.gate]
min_success_rate = 0.5
"""
FILES = {
    "stage1_balance.toml": BALANCE,
    "stage2_locomotion.toml": LOCOMOTION,
    "stage3_behaviour.toml": BEHAVIOUR,
}


class Shelf(Registry):
    """A registry of values in memory; kinds without values hold names only."""

    def __init__(self, *species: Species) -> None:
        super().__init__(())
        self.shelves: dict[str, dict[str, Any]] = {
            SPECIES.group: {each.name: each for each in species},
            ALGORITHMS.group: {"ppo": PPO, "sac": SAC},
            BACKENDS.group: {"local": None, "vertex": None},
            SAMPLERS.group: {"tpe": None, "random": None},
            TRACKERS.group: {"wandb": None},
        }

    def names(self, kind: Kind[Any]) -> tuple[str, ...]:
        return tuple(sorted(self.shelves[kind.group]))

    def get(self, kind: Kind[T], name: str) -> T:
        shelf = self.shelves[kind.group]
        if name not in shelf:
            raise PluginNotFound(kind.word, name, installed=shelf)
        found: T = shelf[name]
        return found

    def status(self, kind: Kind[Any], *, load: bool = False) -> tuple[PluginStatus, ...]:
        return tuple(PluginStatus(kind.word, n, f"x-{n}", "1.2") for n in self.names(kind))


Animal = Callable[..., Species]


@pytest.fixture
def animal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Animal:
    """Return a maker of species: a name, a task word, stage files that differ from the usual."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(
        name: str = "velociraptor",
        task: str = "strike",
        files: Mapping[str, str | None] | None = None,
    ) -> Species:
        package = tmp_path / f"paper_{name}"
        # Another test's package of that name may still be imported.
        monkeypatch.delitem(sys.modules, package.name, raising=False)
        folder = package / "stages"
        folder.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        for file, text in {**FILES, **(files or {})}.items():
            if text is not None:
                (folder / file).write_text(text.replace("WORD", task))
        keys = ("forward_vel_weight", "alive_bonus", "posture_weight", "nosedive_weight")
        own = ("bonus", "approach_weight", "proximity_weight", "radius")
        return Species(
            name=name,
            summary="An animal on paper.",
            stages=f"{package.name}:stages",
            task=task,
            task_keys=frozenset({"horizon_s", "push_strength", "task", f"{task}_radius"}),
            settings=dict.fromkeys(
                (*keys, "horizon_s", "push_strength", "task", *(f"{task}_{k}" for k in own)), "…"
            ),
        )

    return make


@pytest.fixture
def raptor(animal: Animal) -> Species:
    return animal()


@pytest.fixture
def shelf(animal: Animal, raptor: Species) -> Shelf:
    return Shelf(raptor, animal("trex", "bite"), animal("brachiosaurus", "food"))


@pytest.fixture
def bent(raptor: Species, shelf: Shelf, tmp_path: Path) -> Vocabulary:
    """The raptor whose learning rate falls in the first stage, to a share of its start."""
    file = tmp_path / "paper_velociraptor" / "stages" / "stage1_balance.toml"
    text = file.read_text()
    file.write_text(text.replace("[ppo]", "[ppo]\nlearning_rate_end_fraction = 0.2"))
    return Vocabulary.of(raptor, PPO, load_curriculum(raptor, registry=shelf), shelf)


@pytest.fixture
def vocabulary(raptor: Species, shelf: Shelf) -> Vocabulary:
    return Vocabulary.of(raptor, PPO, load_curriculum(raptor, registry=shelf), shelf)
