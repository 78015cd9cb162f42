"""Which sweeps lie below an output folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from mesosweep.domain.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mesosweep.domain.state import SweepState


@dataclass(frozen=True, slots=True)
class FoundSweep:
    """A folder `DIR/sweeps/<species>/<algorithm>` that holds a saved state."""

    root: Path
    species: str
    algorithm: str
    stage: int | None = None
    """The stage of a `launch`, which is a sweep of its own; None for `run-all`."""

    @property
    def sweep_key(self) -> str:
        suffix = f"_stage{self.stage}" if self.stage else ""
        return f"sweep_state_{self.species}_{self.algorithm}{suffix}"

    @property
    def words(self) -> str:
        launched = f" (launch of stage {self.stage})" if self.stage else ""
        return f"{self.species} {self.algorithm}{launched}"

    def load(self) -> SweepState:
        """Read the saved state; raises StoreError when it cannot be believed."""
        from mesosweep.stores.file import FileStore

        loaded = FileStore(self.root).load(self.sweep_key)
        if loaded is None:
            raise UsageError(f"{self.root}: the sweep was moved away just now.")
        return loaded[0]


class Named(Protocol):
    """A sweep wherever it is kept: what it is called, and how to tell it from others."""

    @property
    def species(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def stage(self) -> int | None: ...
    @property
    def words(self) -> str: ...


AnySweep = TypeVar("AnySweep", bound=Named)


def output_dir(said: str | None) -> Path:
    """Return the output folder: what was said, else the environment's, else here."""
    return Path(said or os.environ.get("MESOSWEEP_OUTPUT_DIR") or ".")


def sweeps(
    directory: Path, *, species: str | None, algorithm: str | None, stage: int | None = None
) -> list[FoundSweep]:
    """Return the sweeps below `directory` that fit; with `stage`, the launches of it.

    It may be an output folder, `sweeps` in it, a species' folder, or a sweep's own.

    Raises:
        UsageError: there is none; the message says what there is.
    """
    found = sorted(
        filter(None, map(_found, _state_files(directory))),
        key=lambda sweep: (sweep.species, sweep.algorithm, sweep.stage or 0),
    )
    if fitting := those_of(found, species=species, algorithm=algorithm, stage=stage):
        return fitting
    shown = "this folder" if directory == Path() else directory
    if not found:
        raise UsageError(
            f"No sweep in {shown}: there is no sweeps/SPECIES/ALGORITHM with a saved state.",
            hint="Name the folder that a sweep wrote to, which holds `sweeps`.",
        )
    asked = " ".join(
        filter(None, (species, algorithm, f"(launch of stage {stage})" if stage else ""))
    )
    names = [sweep.words for sweep in found]
    raise UsageError(
        f"No sweep of {asked} in {shown}. There are: {', '.join(names)}.",
        hint=did_you_mean(asked, names).strip() or None,
    )


def those_of(
    found: Iterable[AnySweep], *, species: str | None, algorithm: str | None, stage: int | None
) -> list[AnySweep]:
    """Return those that fit what is said; None fits all."""
    return [
        sweep
        for sweep in found
        if species in (None, sweep.species)
        and algorithm in (None, sweep.algorithm)
        and stage in (None, sweep.stage)
    ]


def one_sweep(
    directory: Path, *, species: str | None, algorithm: str | None, stage: int | None = None
) -> FoundSweep:
    """Return the one sweep that fits, a `run-all` before a `launch`.

    Raises:
        UsageError: several fit.
    """
    return one_of(sweeps(directory, species=species, algorithm=algorithm, stage=stage))


def one_of(
    fitting: Sequence[AnySweep],
    *,
    below: str | None = None,
    hint: str = "Choose one with --species, --algorithm and --stage.",
) -> AnySweep:
    """Return the one of these, a `run-all` before a `launch`.

    Raises:
        UsageError: there are several; says where, and with `hint` how to choose.
    """
    whole = [sweep for sweep in fitting if sweep.stage is None]
    if len(chosen := whole or fitting) > 1:
        place = "" if below is None else f" below {below}"
        names = ", ".join(sweep.words for sweep in chosen)
        raise UsageError(f"There are {len(chosen)} sweeps{place}: {names}.", hint=hint)
    return chosen[0]


def _state_files(directory: Path) -> Iterator[Path]:
    yield from directory.glob("sweeps/*/*/sweep_state_*.json")
    place = directory.resolve()
    for below, folder in enumerate((place, *place.parents)):
        if below < 3 and folder.name == "sweeps":
            yield from directory.glob("*/" * (2 - below) + "sweep_state_*.json")


def _found(path: Path) -> FoundSweep | None:
    species, algorithm = path.absolute().parent.parent.name, path.absolute().parent.name
    named = re.fullmatch(
        rf"sweep_state_{re.escape(species)}_{re.escape(algorithm)}(?:_stage(\d+))?", path.stem
    )
    if named is None:
        return None
    return FoundSweep(path.parent, species, algorithm, int(named[1]) if named[1] else None)


def all_states(root: Path) -> list[SweepState]:
    """Return every state that is saved for a folder, those set aside included.

    Raises:
        StoreError: one of them cannot be believed; nobody knows what it protects.
    """
    from mesosweep.stores.file import FileStore

    store = FileStore(root)
    loaded = [store.load(path.stem) for path in sorted(root.glob("sweep_state_*.json"))]
    return [found[0] for found in loaded if found is not None]


def trial_folders(root: Path) -> list[Path]:
    """Return every trial folder below a sweep's root, by stage, attempt and id."""
    from mesosweep.records.layout import stage_and_attempt

    trials = [
        trial
        for stage in root.glob("stage*")
        if stage_and_attempt(stage.name) is not None
        for trial in stage.iterdir()
        if trial.is_dir() and not trial.name.startswith(".")
    ]
    return in_order(trials)


def in_order(trials: Iterable[Path]) -> list[Path]:
    """Return trial folders by stage, attempt and id."""
    return sorted(trials, key=lambda trial: (place_of(trial)[:2], _number(trial), trial.name))


def place_of(trial: Path) -> tuple[int, int, str]:
    """Return stage, attempt and id of a trial folder."""
    from mesosweep.records.layout import stage_and_attempt

    place = stage_and_attempt(trial.parent.name)
    assert place is not None
    return (*place, trial.name)


def next_attempt(root: Path) -> int:
    """Return an attempt that no stage folder below `root` has used."""
    from mesosweep.records.layout import stage_and_attempt

    used = [place[1] for path in root.glob("stage*") if (place := stage_and_attempt(path.name))]
    return max(used, default=-1) + 1


def is_at_work(root: Path) -> bool:
    """Whether the process that last ran a sweep of this folder is still alive.

    Looks at the process and never at the lock: a lock that is tried, however shortly,
    could refuse a sweep that starts at that moment.
    """
    try:
        named = re.match(r"pid (\d+)", (root / ".lock").read_text(encoding="utf-8"))
        if named is None:
            return False
        os.kill(int(named[1]), 0)
    except PermissionError:
        return True  # somebody else's, and alive
    except (OSError, ValueError):
        return False
    return True


def _number(trial: Path) -> int:
    return int(trial.name) if trial.name.isdigit() else 1 << 62
