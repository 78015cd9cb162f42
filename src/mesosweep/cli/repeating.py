"""Trains configurations again and scores their runs: the work of `mesosweep verify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mesosweep.cli.clocks import WorldClock, now

if TYPE_CHECKING:
    from mesosweep.cli.candidates import Candidate
    from mesosweep.domain.score import Score
    from mesosweep.domain.state import StageState, SweepState
    from mesosweep.domain.trial import Trial
    from mesosweep.plugins import Registry
    from mesosweep.report.verification import Configuration, Verification


def verified(
    chosen: Sequence[Candidate],
    *,
    state: SweepState,
    stage: StageState,
    episodes: int,
    parallel: int,
    registry: Registry,
) -> Verification:
    """Train and score what is not on record, and keep what it comes to for the page.

    Raises:
        Interrupted: somebody asked to stop; what was trained is kept.
        SweepLocked: these configurations are being trained by another process.
    """
    from mesosweep.backends._workers import LocalRunner
    from mesosweep.backends.scoring import held_out_scores
    from mesosweep.cli.faults import say
    from mesosweep.cli.interrupt import Stop
    from mesosweep.engine.retraining import retrain
    from mesosweep.report.verification import Verification
    from mesosweep.report.verification_document import write_verification
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
                how = f"panel {scored(run.panel)}" if run.panel else run.status.replace("_", " ")
                called = stage.called(of[study.key])
                say(f"trial {called}, run {run.trial_id} of {study.trials}: {how}")
        except Exception:
            # Whatever went wrong, runs under way write a checkpoint and end, all at once.
            with ThreadPoolExecutor(len(studies)) as pool:
                list(pool.map(lambda study: runner.stop(study, gently=True), studies))
            raise
        with stop.at_once():
            pairs = [(s, runs[k, i]) for s in studies for k, i in runs if k == s.key]
            scores = held_out_scores(pairs, episodes=episodes, log=home / "scoring.log")
        found = Verification(
            [_configuration(candidate, stage, runs, scores) for candidate in chosen],
            species=state.species,
            algorithm=state.algorithm,
            stage=stage.stage,
            stage_name=stage.name,
            steps=studies[0].settings.timesteps,
            episodes=episodes,
        )
        write_verification(home, found)
    return found


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
