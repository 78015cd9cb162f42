"""What a sweep found, as the stage files that a production run begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.domain.errors import UsageError
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.domain.state import SweepState


def with_found(flags: Flags, place: str) -> Flags:
    """Return flags whose stage files are those that a sweep found, written into the run's folder.

    `place` is the sweep's own folder, or one above it; it may lie in a bucket.
    """
    from mesosweep.cli.export import found_stages
    from mesosweep.cli.faults import say
    from mesosweep.cli.found import output_dir
    from mesosweep.records.files import write_text
    from mesosweep.records.stage_file import stage_file_name, stage_text
    from mesosweep.settings.production import folder_of

    if flags.stage_dir:
        raise UsageError(
            "--from contradicts --stage-dir: both say which stage files to use.",
            hint="Write the found ones out to edit them: mesosweep export stages DIR",
        )
    state = _swept(place, flags)
    found = list(found_stages(state))
    for line in _lacking(state, [stage.number for stage, _ in found], place):
        say(line)
    files = {
        stage_file_name(stage): stage_text(stage, comments=comments) for stage, comments in found
    }
    text = "".join(f"{name}\n{content}" for name, content in sorted(files.items()))
    short = hashlib.sha256(text.encode()).hexdigest()[:6]
    home = folder_of(str(output_dir(flags.output_dir)), state.species, state.algorithm)
    # Named by content: a sweep that goes on does not change what a run was begun with.
    folder = home / f"found-{short}"
    for name, content in files.items():
        if not (folder / name).exists():
            write_text(folder / name, content)
    return replace(flags, species=state.species, algorithm=state.algorithm, stage_dir=str(folder))


def _lacking(state: SweepState, stages: Sequence[int], place: str) -> tuple[str, ...]:
    """Say of which stages a sweep has found nothing, and what was found for another start."""
    won = {stage.stage for stage in state.stages if stage.winner is not None}
    without = [str(number) for number in stages if number not in won]
    stale = [str(number) for number in state.stale if number in won]
    lines = []
    if without:
        one = len(without) == 1
        lines.append(
            f"Stage{'' if one else 's'} {', '.join(without)} of {place} {'has' if one else 'have'} "
            "no winner: the species' own settings are trained."
        )
    if stale:
        one = len(stale) == 1
        lines.append(
            f"Stage{'' if one else 's'} {', '.join(stale)} of {place} {'is' if one else 'are'} "
            "stale: what is trained was found from another winner than there is now."
        )
    return tuple(lines)


def _swept(place: str, flags: Flags) -> SweepState:
    """Return the state of the sweep in a folder: its own, or the one that it wrote to."""
    from mesosweep.cli.bundles import state_in
    from mesosweep.cli.remote import sweep_at
    from mesosweep.stores.gcs_address import is_remote

    state = None if is_remote(place) else state_in(Path(place))
    if state is None:
        state = sweep_at(place, species=flags.species, algorithm=flags.algorithm).load()
    for what, said, theirs in (
        ("species", flags.species, state.species),
        ("algorithm", flags.algorithm, state.algorithm),
    ):
        if said not in (None, theirs):
            raise UsageError(f"--from {place}: is a sweep of {what} {theirs}, not of {said}.")
    return state
