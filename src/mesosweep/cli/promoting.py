"""A choice that somebody makes the winner of a stage, after the search has chosen another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesosweep.cli.clocks import now
from mesosweep.domain.errors import UsageError

if TYPE_CHECKING:
    from mesosweep.cli.found import FoundSweep
    from mesosweep.domain.state import StageState
    from mesosweep.report.verification import Configuration


def misses_the_winners_gate(stage: StageState, choice: Configuration | None) -> bool:
    """Whether a choice is no match for the winner, however well it scored."""
    if choice is None or choice.is_winner or stage.winner is None:
        return False
    return stage.winner.gate_passed and not choice.trial.passed


def promote_choice(sweep: FoundSweep, stage: StageState, choice: Configuration) -> None:
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
