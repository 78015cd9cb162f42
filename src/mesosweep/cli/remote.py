"""Which sweeps lie below an address in a bucket, and how they stand there now."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.cli.clocks import WorldClock
from mesosweep.cli.found import FoundSweep, one_of, one_sweep, those_of
from mesosweep.domain.errors import UsageError

if TYPE_CHECKING:
    from mesosweep.domain.state import StageState, SweepState
    from mesosweep.domain.trial import Trial
    from mesosweep.stores.gcs_objects import Objects

_NOTE = ".bucket"
"""In a sweep's folder here: where in a bucket its own folder lies."""
_STATE = re.compile(
    r"(?P<root>gs://.+/(?P<species>[^/]+)/(?P<algorithm>[^/]+))/_sweep_state(?:_stage(?P<stage>\d+))?\.json"
)


@dataclass(frozen=True, slots=True)
class RemoteSweep:
    """A folder in a bucket that holds a saved state."""

    root: str
    species: str
    algorithm: str
    stage: int | None
    objects: Objects

    @property
    def sweep_key(self) -> str:
        suffix = f"_stage{self.stage}" if self.stage else ""
        return f"sweep_state_{self.species}_{self.algorithm}{suffix}"

    @property
    def words(self) -> str:
        return self.root

    def load(self) -> SweepState:
        """Read the saved state; raises StoreError when it cannot be believed."""
        from mesosweep.stores.gcs import GcsStore
        from mesosweep.stores.gcs_address import Address

        place = Address.parse(self.root)
        store = GcsStore(place, bucket=self.objects.bucket(place.bucket))
        loaded = store.load(self.sweep_key)
        if loaded is None:
            raise UsageError(f"{self.root}: the sweep was moved away just now.")
        return loaded[0]

    def with_progress(self) -> SweepState:
        """Return the saved state with what trials wrote since nobody looks after them.

        A job that was only launched has nobody who writes its trials into the state.
        """
        state = self.load()
        return replace(state, stages=tuple(self._looked_up(stage) for stage in state.stages))

    def _looked_up(self, stage: StageState) -> StageState:
        if stage.status not in ("running", "submitting"):
            return stage
        for trial in self._trials(stage):
            stage = stage.with_trial(trial)
        return stage

    def _trials(self, stage: StageState) -> Iterator[Trial]:
        from mesosweep.backends.vertex.recorded import read_progress, read_record
        from mesosweep.domain.trial import Trial

        known = {trial.identity: trial for trial in stage.trials}
        for attempt, trial_id, folder in self._folders(stage):
            before = known.get((attempt, trial_id))
            if before is not None and before.has_ended:
                continue
            record = read_record(folder, self.objects)
            if isinstance(record, Trial):
                yield replace(record, trial_id=trial_id, attempt=attempt, origin="service")
            else:
                found = before or Trial(trial_id, attempt, "running", {}, origin="service")
                yield replace(found, progress=read_progress(folder, self.objects))

    def _folders(self, stage: StageState) -> Iterator[tuple[int, str, str]]:
        """Yield attempt, id and address of every trial that wrote anything."""
        from mesosweep.records.layout import stage_and_attempt

        start, seen = f"{self.root}/", set()
        mine: dict[str, bool] = {}
        for name in self.objects.names(f"{start}stage{stage.stage}"):
            parts = name.removeprefix(start).split("/")
            place = stage_and_attempt(parts[0])
            if place is None or place[0] != stage.stage or len(parts) < 3:
                continue
            if (place[1], parts[1]) in seen:
                continue
            if parts[0] not in mine:
                mine[parts[0]] = self._is_of(stage, f"{start}{parts[0]}")
            if not mine[parts[0]]:
                continue
            seen.add((place[1], parts[1]))
            yield place[1], parts[1], f"{start}{parts[0]}/{parts[1]}"

    def _is_of(self, stage: StageState, folder: str) -> bool:
        """Whether a stage folder belongs to the stage's study, and to no other sweep."""
        from mesosweep.domain.errors import StateDamaged
        from mesosweep.records.study_file import read_study_file

        uri = f"{folder}/study.json"
        content = self.objects.read(uri)
        try:
            text = (content or b"").decode(errors="replace")
            return read_study_file(text, where=uri).study == stage.study_key
        except StateDamaged:
            return False


def remote_sweeps(
    where: str, *, species: str | None, algorithm: str | None, stage: int | None
) -> list[RemoteSweep]:
    """Return the sweeps below an address that fit; with `stage`, the launches of it.

    Raises:
        UsageError: there is none.
        StoreUnreachable, Refused: the bucket did not answer, or refused to.
    """
    from mesosweep.stores.gcs_address import Address
    from mesosweep.stores.gcs_objects import Objects

    place = Address.parse(where)
    objects = Objects(clock=WorldClock())
    names = objects.names(f"{place.uri}/")
    found = [told for name in sorted(names) if (told := _STATE.fullmatch(name))]
    all_sweeps = [
        RemoteSweep(
            m["root"],
            m["species"],
            m["algorithm"],
            int(m["stage"]) if m["stage"] else None,
            objects,
        )
        for m in found
    ]
    fitting = those_of(all_sweeps, species=species, algorithm=algorithm, stage=stage)
    if not fitting:
        listed = ", ".join(sweep.words for sweep in all_sweeps)
        raise UsageError(
            f"No such sweep below {place.uri}." + (f" There are: {listed}." if listed else ""),
            hint="Name the bucket, or a folder in it: mesosweep status gs://BUCKET/sweeps",
        )
    return fitting


def one_remote(
    where: str, *, species: str | None, algorithm: str | None, stage: int | None = None
) -> RemoteSweep:
    """Return the one sweep below an address that fits, a `run-all` before a `launch`.

    Raises as `remote_sweeps` does, and UsageError when several fit.
    """
    fitting = remote_sweeps(where, species=species, algorithm=algorithm, stage=stage)
    return one_of(
        fitting,
        below=where,
        hint="Name the folder of one, or choose it with --species, --algorithm and --stage.",
    )


def sweep_at(
    said: str | None, *, species: str | None, algorithm: str | None, stage: int | None = None
) -> FoundSweep | RemoteSweep:
    """Return the one sweep that `--output-dir` means, which may lie in a bucket.

    Raises as `one_sweep` and `one_remote` do.
    """
    from mesosweep.stores.gcs_address import is_remote

    where = said or os.environ.get("MESOSWEEP_OUTPUT_DIR") or "."
    one = one_remote if is_remote(where) else _one_here
    return one(where, species=species, algorithm=algorithm, stage=stage)


def _one_here(
    where: str, *, species: str | None, algorithm: str | None, stage: int | None
) -> FoundSweep:
    return one_sweep(Path(where), species=species, algorithm=algorithm, stage=stage)


def note_root(here: Path, root: str) -> None:
    """Leave word in a sweep's folder here of where in a bucket it is kept."""
    from mesosweep.records.files import write_text

    if root_noted(here) != root:
        write_text(here / _NOTE, f"{root}\n")


def root_noted(here: Path) -> str | None:
    """Return the address in a bucket of a sweep's folder here; None where it has none."""
    try:
        return (here / _NOTE).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
