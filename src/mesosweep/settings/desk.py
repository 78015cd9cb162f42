"""Everything that planning has on the table: what was said, understood and checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.errors import PluginNotFound, SettingsError
from mesosweep.domain.space import Assignment
from mesosweep.domain.study import TrialSettings
from mesosweep.plugins import ALGORITHMS, SPECIES, TRACKERS, Kind, Registry
from mesosweep.settings.flags import Flags
from mesosweep.settings.overrides import Override, parse_overrides
from mesosweep.settings.parameters import Vocabulary
from mesosweep.settings.sources import Sources
from mesosweep.settings.stages import load_curriculum
from mesosweep.settings.sweepfile import SweepFile, parse_sweep, read_points, read_sweep_file
from mesosweep.settings.trial import DEFAULT_N_ENVS

_EVIDENCE = ("eval_episodes", "panel_episodes", "test_episodes")
_MOST_EPISODES = 10_000
"""A block of evidence holds no more seeds."""


@dataclass
class Desk:
    """The table; notes collect while a plan is made."""

    flags: Flags
    registry: Registry
    sources: Sources
    vocabulary: Vocabulary
    overrides: tuple[Override, ...]
    inline: SweepFile | None
    """`--search-space`."""
    points: Mapping[int | None, tuple[Assignment, ...]]
    """Known points by stage, None for all stages."""
    stage_dir: str | None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, flags: Flags, registry: Registry, environ: Mapping[str, str]) -> Desk:
        """Read everything that the flags name; raises SettingsError or PluginError."""
        sources = Sources(flags, environ)
        name = sources.word("species")
        if not name:
            listed = ", ".join(registry.names(SPECIES)) or "none"
            raise SettingsError("No species was named.", hint=f"--species NAME, of: {listed}")
        algorithm = registry.get(ALGORITHMS, sources.word("algorithm", "ppo") or "ppo")
        species = registry.get(SPECIES, name)
        stage_dir = sources.word("stage_dir")
        folder = Path(stage_dir).absolute() if stage_dir else None
        curriculum = load_curriculum(species, folder, registry=registry)
        vocabulary = Vocabulary.of(species, algorithm, curriculum, registry)
        path, inline = sources.word("search_space_file"), sources.word("search_space")
        sources.file = read_sweep_file(Path(path)) if path else None
        desk = cls(
            flags=flags,
            registry=registry,
            sources=sources,
            vocabulary=vocabulary,
            overrides=parse_overrides(flags.overrides, vocabulary),
            inline=parse_sweep(inline, source="--search-space") if inline else None,
            points=read_points(Path(flags.enqueue)) if flags.enqueue else {},
            stage_dir=str(folder) if folder else None,
        )
        desk._check_stages()
        return desk

    @property
    def species(self) -> str:
        return self.vocabulary.species.name

    @property
    def algorithm(self) -> str:
        return self.vocabulary.algorithm.name

    @property
    def carried(self) -> frozenset[str]:
        """Parameters that a checkpoint fixes, e.g. `ppo_net_arch`."""
        return frozenset(f"{self.algorithm}_{n}" for n in self.vocabulary.algorithm.carried)

    def trial_settings(self, stage: Stage) -> TrialSettings:
        """Return what all trials of a stage share; raises SettingsError."""
        usual = TrialSettings(timesteps=stage.timesteps, n_envs=DEFAULT_N_ENVS)
        own = {"timesteps": stage.timesteps, "n_envs": stage.n_envs}
        said = {
            name: self.sources.number(name, stage.number, species=own.get(name), default=default)
            for name, default in asdict(usual).items()
        }
        for name in _EVIDENCE:
            if said[name] > _MOST_EPISODES:
                raise SettingsError(
                    f"stage{stage.number}: {name} must be at most {_MOST_EPISODES:,} "
                    f"(got {said[name]:,})."
                )
        return TrialSettings(**said)

    def named(self, kind: Kind[Any], setting: str, default: str) -> str:
        """Return the name of a plugin that is installed; raises PluginNotFound."""
        return self._installed(kind, self.sources.word(setting, default) or default)

    def trackers(self) -> tuple[str, ...]:
        """Return the trackers that were asked for; raises PluginNotFound."""
        names = self.sources.names("trackers", self.flags.trackers)
        return tuple(self._installed(TRACKERS, name) for name in names)

    def _installed(self, kind: Kind[Any], name: str) -> str:
        known = self.registry.names(kind)
        if name not in known:
            raise PluginNotFound(kind.word, name, installed=known)
        return name

    def _check_stages(self) -> None:
        """Raise SettingsError when something is said of a stage that there is not."""
        numbers = [stage.number for stage in self.vocabulary.curriculum.stages]
        said = [
            (f"{file.source}: stage{number}", number)
            for file in (self.sources.file, self.inline)
            if file
            for number in file.stages
        ]
        said += [
            (f"--{name}-stage{number}", number)
            for name in ("trials", "parallel", "timesteps")
            for number in getattr(self.flags, f"{name}_stage")
        ]
        said += [(f"{self.flags.enqueue}: stage{n}", n) for n in self.points if n is not None]
        for where, number in said:
            if number not in numbers:
                listed = ", ".join(map(str, numbers))
                raise SettingsError(
                    f"{where}: {self.species} has no stage {number}.", hint=f"There are {listed}."
                )
