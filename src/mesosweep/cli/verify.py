"""`mesosweep verify`: are the best configurations of a stage any better than the others?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.clocks import WorldClock, now
from mesosweep.cli.options import AlgorithmName, AsJson, Species
from mesosweep.domain.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from mesosweep.cli.candidates import Candidate
    from mesosweep.cli.found import FoundSweep
    from mesosweep.domain.score import Score
    from mesosweep.domain.state import StageState, SweepState
    from mesosweep.domain.trial import Trial
    from mesosweep.plugins import Registry
    from mesosweep.report.verification import Configuration, Verification

EXAMPLES = (
    "mesosweep verify . --stage 1 --top 3 --seeds 5\n\n"
    "mesosweep verify runs --stage 1 --top 3 --seeds 5 --promote\n\n"
    "Interrupt it at any moment; the same command goes on. More --seeds or --top add to it."
)
_PANEL = "Trainings"


def verify(
    ctx: typer.Context,
    where: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that a sweep wrote to, or its own.")
    ],
    *,
    species: Species = None,
    algorithm: AlgorithmName = None,
    stage: Annotated[
        int | None,
        typer.Option(
            "--stage", metavar="N", min=1, help="Which stage (default: the last with a winner)."
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            metavar="K",
            min=1,
            rich_help_panel=_PANEL,
            help="How many configurations: the best by their panel. The winner is always one.",
        ),
    ] = 3,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            min=1,
            rich_help_panel=_PANEL,
            help="How often each is trained again, always from a fresh seed; below 4 no difference "
            "can be told at 95 %.",
        ),
    ] = 5,
    timesteps: Annotated[
        int | None,
        typer.Option(
            "--timesteps",
            metavar="T",
            min=1,
            rich_help_panel=_PANEL,
            help="Steps of each training (default: those of the search).",
        ),
    ] = None,
    episodes: Annotated[
        int,
        typer.Option(
            "--episodes",
            min=1,
            rich_help_panel=_PANEL,
            help="Held-out episodes that each run is scored on, the same for all.",
        ),
    ] = 100,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel",
            metavar="COUNT",
            min=1,
            rich_help_panel=_PANEL,
            help="Trainings at a time (default: one per core).",
        ),
    ] = None,
    promote: Annotated[
        bool,
        typer.Option(
            "--promote",
            help="Make the trial of the best configuration the stage's winner. Later stages are "
            "stale then: run-all searches them again as a new attempt, and deletes nothing.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Train the best configurations of a stage again, from fresh seeds, and compare them.

    Tells the interquartile mean of each with its 95 % interval, the probability that each
    beats the next, and whether they can be told apart at all.
    """
    from mesosweep.cli.candidates import best_trials, candidates, stage_to_verify
    from mesosweep.cli.faults import say
    from mesosweep.plugins import Registry
    from mesosweep.settings.plan import usable_cores

    sweep = _sweep(where, stage, species=species, algorithm=algorithm)
    state, registry = sweep.load(), Registry()
    known = stage_to_verify(state, stage)
    if known.stage in state.stale:
        say(f"Stage {known.stage} is stale: it started from another winner than there is now.")
    chosen = list(
        candidates(
            state,
            known,
            best_trials(known, top),
            root=sweep.root,
            runs=seeds,
            timesteps=timesteps,
            registry=registry,
        )
    )
    try:
        found = _verified(
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
    is_worse = _misses_the_winners_gate(known, found.choice)
    if promote and found.choice is not None and not found.choice.is_winner and not is_worse:
        _promote(sweep, known, found.choice)
    again = None if promote or is_worse else ctx.obj.argv
    _show(found, again=again, promoted=promote and not is_worse, as_json=as_json)
    if promote and is_worse:
        raise UsageError(
            "Nothing was promoted: the choice did not pass the stage's gate, and the winner did.",
            hint="Who passes the gate goes before who does not, whatever they score.",
        )
    return 0


def _misses_the_winners_gate(stage: StageState, choice: Configuration | None) -> bool:
    """Whether a choice is no match for the winner, however well it scored."""
    if choice is None or choice.is_winner or stage.winner is None:
        return False
    return stage.winner.gate_passed and not choice.trial.passed


def _sweep(
    where: Path, stage: int | None, *, species: str | None, algorithm: str | None
) -> FoundSweep:
    """Return the sweep below a folder, or the one whose own folder it is."""
    from mesosweep.cli.found import one_of, sweeps

    if "://" in str(where) or str(where).startswith("gs:"):
        raise UsageError(
            f"{where}: a sweep in a bucket cannot be verified from here.",
            hint="Name the folder of a sweep that was run on this machine.",
        )
    folder = where.resolve()
    if folder.parent.parent.name == "sweeps":
        where = folder.parents[2]
        species, algorithm = species or folder.parent.name, algorithm or folder.name
    fitting = sweeps(where, species=species, algorithm=algorithm)
    # Of a whole sweep any stage will do; a `launch` is of one alone.
    return one_of([sweep for sweep in fitting if sweep.stage in (None, stage)] or fitting)


def _verified(
    chosen: Sequence[Candidate],
    *,
    state: SweepState,
    stage: StageState,
    episodes: int,
    parallel: int,
    registry: Registry,
) -> Verification:
    """Train and score what is not on record; raises Interrupted."""
    from mesosweep.backends._workers import LocalRunner
    from mesosweep.backends.scoring import held_out_scores
    from mesosweep.cli.faults import say
    from mesosweep.cli.interrupt import Stop
    from mesosweep.engine.retraining import retrain
    from mesosweep.report.verification import Verification
    from mesosweep.report.words import scored
    from mesosweep.stores.lock import acquire_lock

    home = Path(chosen[0].study.folder).parent
    studies = [candidate.study for candidate in chosen]
    of = {candidate.study.key: candidate.trial for candidate in chosen}
    runs: dict[tuple[str, str], Trial] = {}
    with ExitStack() as held:
        held.enter_context(acquire_lock(home, now=now()))
        stop = held.enter_context(Stop(say))
        runner = LocalRunner(registry)
        try:
            for study, run in retrain(
                studies, runner=runner, parallel=parallel, clock=WorldClock(), stop=stop
            ):
                runs[study.key, run.trial_id] = run
                how = scored(run.panel) if run.panel else run.status.replace("_", " ")
                called = stage.called(of[study.key])
                say(f"trial {called}, run {run.trial_id} of {study.trials}: panel {how}")
        except Exception:
            # Whatever went wrong, runs under way write a checkpoint and end, all at once.
            with ThreadPoolExecutor(len(studies)) as pool:
                list(pool.map(lambda study: runner.stop(study, gently=True), studies))
            raise
        with stop.at_once():
            pairs = [(s, runs[k, i]) for s in studies for k, i in runs if k == s.key]
            scores = held_out_scores(pairs, episodes=episodes, log=home / "scoring.log")
    return Verification(
        [_configuration(candidate, stage, runs, scores) for candidate in chosen],
        species=state.species,
        algorithm=state.algorithm,
        stage=stage.stage,
        stage_name=stage.name,
        steps=studies[0].settings.timesteps,
        episodes=episodes,
    )


def _configuration(
    candidate: Candidate,
    stage: StageState,
    runs: Mapping[tuple[str, str], Trial],
    scores: Mapping[tuple[str, str], Score],
) -> Configuration:
    from mesosweep.report.verification import Configuration, Run

    key = candidate.study.key
    mine = sorted((run for (k, _), run in runs.items() if k == key), key=lambda run: run.place)
    assert stage.winner is not None
    return Configuration(
        trial=candidate.trial,
        called=stage.called(candidate.trial),
        is_winner=candidate.trial.identity == stage.winner.trial.identity,
        runs=tuple(Run(run, scores.get((key, run.trial_id))) for run in mine),
    )


def _promote(sweep: FoundSweep, stage: StageState, choice: Configuration) -> None:
    """Save that the choice won the stage.

    Raises:
        SweepLocked: the sweep is running; nothing was changed.
        UsageError: it went on while we trained, and has another winner by now.
    """
    from mesosweep.domain.events import WinnerPromoted
    from mesosweep.domain.winner import Winner
    from mesosweep.stores.file import FileStore
    from mesosweep.stores.lock import acquire_lock

    assert stage.winner is not None
    trial = choice.trial
    kind = stage.winner.checkpoint.kind
    checkpoint = trial.final_checkpoint if kind == "final" else trial.checkpoint
    value = trial.objective("panel_mean_reward")
    assert checkpoint is not None
    assert value is not None
    with acquire_lock(sweep.root, now=now()):
        store = FileStore(sweep.root)
        loaded = store.load(sweep.sweep_key)
        if loaded is None or loaded[0].stage(stage.stage).winner != stage.winner:
            raise UsageError(
                f"Stage {stage.stage} got another winner meanwhile; nothing was promoted.",
                hint="Run the same command again: what was trained is kept.",
            )
        state, version = loaded
        winner = Winner(trial, value, checkpoint, gate_passed=trial.passed)
        promoted = state.after(WinnerPromoted(stage.stage, winner))
        store.save(sweep.sweep_key, promoted, replacing=version)


def _show(
    found: Verification, *, again: Sequence[str] | None, promoted: bool, as_json: bool
) -> None:
    """Show what was found; `again` is the command that may promote the choice, if it may be."""
    from mesosweep.cli.faults import say
    from mesosweep.cli.screen import output
    from mesosweep.report.summary import show
    from mesosweep.report.verification import verification_document, verification_view

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
    line = shlex.join(["mesosweep", *again, "--promote"])
    return f"{line}   # trial {found.choice.called} wins the stage"
