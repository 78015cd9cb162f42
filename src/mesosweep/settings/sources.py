"""Who said it: flag, environment, sweep file, species or nobody. The first of them wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mesosweep.domain.errors import SettingsError, did_you_mean
from mesosweep.settings.flags import Flags
from mesosweep.settings.sweepfile import JOB_SETTINGS, SweepFile

FLAG, SPECIES, DEFAULT = "flag", "species", "default"
_PER_STAGE = ("trials", "parallel", "timesteps")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_VARIABLES = {"api_endpoint": "MESOSWEEP_VERTEX_ENDPOINT"}
"""Environment variables that are not called as their setting is."""


@dataclass
class Sources:
    """All that was said, asked one setting at a time; remembers who answered."""

    flags: Flags
    environ: Mapping[str, str]
    file: SweepFile | None = None
    origins: dict[str, str] = field(default_factory=dict)
    """Setting → who said it, e.g. `stage1.timesteps` → `file configs/sweep_ppo.json`."""

    def word(self, name: str, default: str | None = None) -> str | None:
        """Return a setting that is text."""
        value = self._say(name, *self._asked(name, default))
        return None if value is None else str(value)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of a few words, the first by default; raises SettingsError for another."""
        value, origin = self._asked(name, choices[0])
        if value not in choices:
            raise SettingsError(
                f"{_told(origin, name)}: unknown value '{value}'.",
                hint=f"{did_you_mean(str(value), choices)}Known: {', '.join(choices)}.",
            )
        return str(self._say(name, value, origin))

    def truth(self, name: str, *, default: bool) -> bool:
        """Return a yes or no; raises SettingsError for another word in the environment."""
        value, origin = self._asked(name, default)
        if isinstance(value, str):
            if value.lower() not in (*_YES, *_NO):
                raise SettingsError(f"{_told(origin, name)}: '{value}' is neither true nor false.")
            value = value.lower() in _YES
        return bool(self._say(name, value, origin))

    def amount(self, name: str, unit: str) -> float | None:
        """Return a number of seconds or dollars, if given; raises SettingsError unless above 0."""
        value, origin = self._asked(name, None)
        if value is None:
            return None
        try:
            amount = float(value)
        except (TypeError, ValueError):
            amount = -1.0
        if not 0 < amount < float("inf"):
            raise SettingsError(
                f"{_told(origin, name)}: must be a number of {unit} above 0 (got {value})."
            )
        return float(self._say(name, amount, origin))

    def count(self, name: str) -> int | None:
        """Return a whole number of at least 1, if given, which holds for all stages."""
        value, origin = self._asked(name, None)
        return None if value is None else self._at_least(1, name, value, origin, place=name)

    def is_said(self, name: str) -> bool:
        """Whether a flag or the environment says it; what a file says chooses no place."""
        _, origin = self._asked(name, None)
        return origin == FLAG or origin.startswith("environment")

    def number(self, name: str, stage: int, *, species: int | None = None, default: int) -> int:
        """Return a job setting of one stage; raises SettingsError when it is too small."""
        value, origin = self._said(name, stage) or (
            (species, SPECIES) if species is not None else (default, DEFAULT)
        )
        return self._whole(name, stage, value, origin)

    def given(self, name: str, stage: int) -> int | None:
        """Return a job setting of one stage if anybody set it; raises as `number` does."""
        said = self._said(name, stage)
        return None if said is None else self._whole(name, stage, *said)

    def names(self, name: str, flag: tuple[str, ...]) -> tuple[str, ...]:
        """Return a list of names: the flag's, else those that the environment lists with commas."""
        listed = self.environ.get(f"MESOSWEEP_{name.upper()}", "")
        return flag or tuple(each.strip() for each in listed.split(",") if each.strip())

    def _whole(self, name: str, stage: int, value: int | str, origin: str) -> int:
        place = f"stage{stage}.{name}"
        return self._at_least(JOB_SETTINGS[name], name, value, origin, place=place)

    def _at_least(self, least: int, name: str, value: int | str, origin: str, *, place: str) -> int:
        if isinstance(value, str):
            text = value
            try:
                value = int(text)
            except ValueError:
                value = least - 1
        else:
            text = str(value)
        if value < least:
            raise SettingsError(
                f"{_told(origin, name)}: must be a whole number of at least {least} (got {text})."
            )
        return int(self._say(place, value, origin))

    def _said(self, name: str, stage: int) -> tuple[int | str, str] | None:
        """Return a job setting and who said it; None when nobody did."""
        if name in _PER_STAGE:
            scoped: Mapping[int, int] = getattr(self.flags, f"{name}_stage")
            if stage in scoped:
                return scoped[stage], FLAG
        flag: int | None = getattr(self.flags, name)
        if flag is not None:
            return flag, FLAG
        variables = [f"MESOSWEEP_{name.upper()}"]
        if name in _PER_STAGE:
            variables.insert(0, f"MESOSWEEP_{name.upper()}_STAGE{stage}")
        for variable in variables:
            if self.environ.get(variable):
                return self.environ[variable], f"environment {variable}"
        block = self.file.block(stage) if self.file else None
        if self.file and block and name in block.settings:
            return block.settings[name], f"file {self.file.source}"
        return None

    def _asked(self, name: str, default: Any) -> tuple[Any, str]:
        flag = getattr(self.flags, name)
        if flag is not None:
            return flag, FLAG
        variable = _VARIABLES.get(name, f"MESOSWEEP_{name.upper()}")
        if self.environ.get(variable):
            return self.environ[variable], f"environment {variable}"
        if self.file and name in self.file.job:
            return self.file.job[name], f"file {self.file.source}"
        return default, DEFAULT

    def _say(self, name: str, value: Any, origin: str) -> Any:
        self.origins[name] = origin
        return value


def _told(origin: str, name: str) -> str:
    """Say where a value came from, so that the user finds it."""
    if origin == FLAG:
        return f"--{name.removesuffix('_s').replace('_', '-')}"
    return f"{origin} ({name})" if origin in (SPECIES, DEFAULT) else origin.split(" ", 1)[1]
