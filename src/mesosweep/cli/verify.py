"""`mesosweep verify`: are the best configurations of a stage any better than the others?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.options import AlgorithmName, AsJson, Species
from mesosweep.cli.options_training import (
    HeldOutEpisodes,
    Parallel,
    Promote,
    RepeatSeeds,
    StageToVerify,
    Timesteps,
    Top,
)
from mesosweep.domain.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from mesosweep.cli.candidates import Candidate
    from mesosweep.cli.found import FoundSweep
    from mesosweep.domain.state import StageState, SweepState
    from mesosweep.plugins import Registry
    from mesosweep.report.verification import Verification

EXAMPLES = (
    "mesosweep verify . --stage 1 --top 3 --seeds 5\n\n"
    "mesosweep verify runs --stage 1 --top 3 --seeds 5 --promote\n\n"
    "Interrupt it at any moment; the same command goes on. More --seeds or --top add to it, and\n"
    "fewer take nothing away."
)


def verify(
    ctx: typer.Context,
    where: Annotated[
        str, typer.Argument(metavar="DIR", help="The folder that a sweep wrote to, or its own.")
    ],
    *,
    species: Species = None,
    algorithm: AlgorithmName = None,
    stage: StageToVerify = None,
    top: Top = 3,
    seeds: RepeatSeeds = 5,
    timesteps: Timesteps = None,
    episodes: HeldOutEpisodes = 100,
    parallel: Parallel = None,
    promote: Promote = False,
    as_json: AsJson = False,
) -> int:
    """Train the best configurations of a stage again, from fresh seeds, and compare them.

    Tells the interquartile mean of each with its 95 % interval, the probability that each
    beats the next, and whether they can be told apart at all.
    """
    from mesosweep.cli.candidates import stage_to_verify
    from mesosweep.cli.faults import say
    from mesosweep.cli.promoting import misses_the_winners_gate, promote_choice
    from mesosweep.cli.repeating import verified
    from mesosweep.plugins import Registry
    from mesosweep.settings.plan import usable_cores

    sweep = _sweep(where, stage, species=species, algorithm=algorithm)
    state, registry = sweep.load(), Registry()
    known = stage_to_verify(state, stage)
    if known.stage in state.stale:
        say(f"Stage {known.stage} is stale: it started from another winner than there is now.")
    chosen = _chosen(
        state, known, top, root=sweep.root, runs=seeds, timesteps=timesteps, registry=registry
    )
    try:
        found = verified(
            chosen,
            state=state,
            stage=known,
            episodes=episodes,
            parallel=parallel or usable_cores(),
            registry=registry,
        )
    except (Interrupted, KeyboardInterrupt):
        line = shlex.join(["mesosweep", *ctx.obj.argv])
        say(f"Stopped. Everything is saved; go on with:\n  {line}")
        return Interrupted.exit_code
    is_worse = misses_the_winners_gate(known, found.choice)
    if promote and found.choice is not None and not found.choice.is_winner and not is_worse:
        promote_choice(sweep, known, found.choice)
    again = None if promote or is_worse else ctx.obj.argv
    _show(found, again=again, promoted=promote and not is_worse, as_json=as_json)
    if promote and is_worse:
        raise UsageError(
            "Nothing was promoted: the choice did not pass the stage's gate, and the winner did.",
            hint="Who passes the gate goes before who does not, whatever they score.",
        )
    return 0


def _chosen(
    state: SweepState,
    stage: StageState,
    top: int,
    *,
    root: Path,
    runs: int,
    timesteps: int | None,
    registry: Registry,
) -> list[Candidate]:
    """Return what is to be trained, and all that was: a smaller question takes nothing away."""
    from mesosweep.cli.candidates import best_trials, candidates, on_record

    resolved = partial(candidates, state, stage, root=root, timesteps=timesteps, registry=registry)
    chosen = list(resolved(best_trials(stage, top), runs=runs))
    return [*chosen, *resolved(on_record(stage, chosen), runs=1)]


def _sweep(
    where: str, stage: int | None, *, species: str | None, algorithm: str | None
) -> FoundSweep:
    """Return the sweep below a folder, or the one whose own folder it is."""
    from mesosweep.cli.found import one_of, sweeps
    from mesosweep.stores.gcs_address import is_remote

    if is_remote(where):
        raise UsageError(
            f"{where}: a sweep in a bucket cannot be verified: this trains its trials again on one "
            "machine, and writes into its own folder.",
            hint=f"Train its winners again from fresh seeds: mesosweep train --from {where} --seeds 5",
        )
    fitting = sweeps(Path(where), species=species, algorithm=algorithm)
    # Of a whole sweep any stage will do; a `launch` is of one alone.
    return one_of([sweep for sweep in fitting if sweep.stage in (None, stage)] or fitting)


def _show(
    found: Verification, *, again: Sequence[str] | None, promoted: bool, as_json: bool
) -> None:
    """Show what was found; `again` is the command that may promote the choice, if it may be."""
    from mesosweep.cli.faults import say
    from mesosweep.cli.screen import output
    from mesosweep.report.summary import show
    from mesosweep.report.verification_document import verification_document
    from mesosweep.report.verification_view import verification_view

    choice = found.choice
    changed = promoted and choice is not None and not choice.is_winner
    if as_json:
        document = {**verification_document(found), "promoted": changed}
        print(json.dumps(document, indent=2, allow_nan=False))
    else:
        show(output(), verification_view(found, next_command=_next(found, again)))
    if changed and choice is not None:
        say(
            f"Trial {choice.called} is the winner of stage {found.stage} now. The sweep's own "
            "command verifies it and searches later stages again; nothing is deleted."
        )


def _next(found: Verification, again: Sequence[str] | None) -> str | None:
    if found.choice is None or found.choice.is_winner or again is None:
        return None
    if not found.beats_winner:
        return None
    line = shlex.join(["mesosweep", *again, "--promote"])
    return f"{line}   # trial {found.choice.called} wins the stage"
