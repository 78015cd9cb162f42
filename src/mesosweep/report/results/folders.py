"""Which folders hold stages and trials, in each of the layouts that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mesosweep.plugins import ALGORITHMS, Registry
from mesosweep.records.layout import stage_and_attempt

_SIGNS = (
    "metrics.json",
    "stage_config.json",
    "progress.jsonl",
    "order.json",
    "worker.log",
    "models",
)
"""Whatever a trial leaves; one of them is enough to be called a trial."""
_DEPTH = 4
"""`DIR/train/<species>/<algorithm>/seed<N>/stage<N>`: so far below the folder given a stage may lie."""
_SEED = re.compile(r"seed(\d+)")
"""The folder of one production run, between its algorithm and its stages."""


@dataclass(frozen=True, slots=True)
class StageFolder:
    """One `stage<N>[_a<k>]` folder, and what the folders above it say of it."""

    path: Path
    stage: int
    attempt: int
    species: str
    algorithm: str | None
    """None where trials lie right below the species."""
    run_seed: int | None = None
    """The seed of the production run that the stage is of; None in a search."""

    def trials(self) -> Iterator[Path]:
        """Yield the folders of its trials; the folder itself where it holds a single one."""
        if _is_single(self.path):
            yield self.path
        for folder in sorted(_subfolders(self.path)):
            if _is_trial(folder, beside_single=_is_single(self.path)):
                yield folder


def stage_folders(root: Path) -> list[StageFolder]:
    """Return every stage folder in or below `root`, which may be one itself."""
    algorithms = frozenset(Registry().names(ALGORITHMS))
    start = root.absolute()
    found = list(_below(start, _DEPTH))
    if stage_and_attempt(start.name) is not None and start.is_dir():
        found = [start]
    return [_stage_folder(path, algorithms) for path in found]


def _below(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(_subfolders(folder)):
        if stage_and_attempt(path.name) is not None:
            yield path
        elif depth:
            yield from _below(path, depth - 1)


def _stage_folder(path: Path, algorithms: frozenset[str]) -> StageFolder:
    place = stage_and_attempt(path.name)
    assert place is not None
    above, run_seed = path.parent, None
    if (told := _SEED.fullmatch(above.name)) is not None:
        above, run_seed = above.parent, int(told[1])
    # `sweeps/<species>/stage1` or `sweeps/<species>/<algorithm>/stage1`: the second is told by
    # where `sweeps` or `train` lies, or by a name that only an algorithm has.
    if above.parent.parent.name in ("sweeps", "train") or above.name in algorithms:
        species, algorithm = above.parent.name, above.name
        return StageFolder(path, *place, species=species, algorithm=algorithm, run_seed=run_seed)
    return StageFolder(path, *place, species=above.name, algorithm=None, run_seed=run_seed)


def _is_single(stage: Path) -> bool:
    """Whether a stage's folder is a trial's folder, as a run of the whole curriculum leaves it."""
    return (stage / "metrics.json").exists() or (stage / "stage_config.json").exists()


def _is_trial(folder: Path, *, beside_single: bool) -> bool:
    if beside_single:
        return (folder / "metrics.json").exists()
    # A numbered folder is a trial's even when it is empty: that says something, too.
    return folder.name.isdecimal() or any((folder / sign).exists() for sign in _SIGNS)


def _subfolders(folder: Path) -> list[Path]:
    try:
        return [
            path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
        ]
    except OSError:
        # Not ours to read, or taken away meanwhile.
        return []
