"""A production run as people follow it, and what it came to: one row per seed and stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from mesosweep.domain import events as e
from mesosweep.domain.interval import half_width_95
from mesosweep.domain.score import Score, lower_bound
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import Trial
from mesosweep.report.documents import status_document
from mesosweep.report.lines import one_line
from mesosweep.report.words import NONE, count, gain, many, number, scored, span

if TYPE_CHECKING:
    from rich.console import RenderableType

VERSION = 1
_TENTHS = 10


@dataclass(frozen=True, slots=True)
class Run:
    """The curriculum of one training seed, as far as it came."""

    seed: int
    state: SweepState
    fault: str | None = None
    """What broke it off; None when it goes on or is done."""

    @property
    def is_done(self) -> bool:
        return all(stage.status == "finished" for stage in self.state.stages)


class TrainingLines:
    """Turns the events of one seed into lines; each tenth of a stage is told once."""

    def __init__(self, timesteps: Mapping[int, int]) -> None:
        self._timesteps = timesteps
        self._told: dict[int, int] = {}

    def line(self, event: e.Event) -> str | None:
        """Return what there is to say of an event; None for nothing."""
        match event:
            case e.StageSkipped(stage=stage, winner=winner):
                return f"stage {stage}: trained already, panel {scored(winner.trial.panel)}"
            case e.StudySubmitting(study=study):
                start = "from scratch" if study.load is None else f"from {study.load.uri}"
                steps = many(study.settings.timesteps, "step")
                return f"stage {study.stage} {study.stage_name}: {steps}, {start}"
            case e.StudyProgressed(stage=stage, running=running):
                return self._progress(stage, running[0]) if running else None
            case e.TrialFinished(stage=stage, trial=trial):
                gate = "gate passed" if trial.passed else "gate not passed"
                return f"stage {stage}: trained, panel {scored(trial.panel)}, {gate}"
            case e.TrialFailed(stage=stage, trial=trial):
                why = one_line(trial.reason) or "no reason known"
                return f"stage {stage}: {trial.status.replace('_', ' ')}: {why}"
            case e.GateForced(stage=stage, reasons=reasons):
                return (
                    f"stage {stage}: goes on although the gate was not passed: {'; '.join(reasons)}"
                )
            case e.WinnerVerified(stage=stage, verified=verified):
                over = gain(verified.winner, verified.zero)
                return (
                    f"stage {stage}: verified {scored(verified.winner)}, {over} over doing nothing"
                )
            case e.StageFailed(reason=reason):
                return one_line(reason)
            case e.RetryScheduled(stage=stage, reason=reason, wait_s=wait_s):
                return f"stage {stage}: {one_line(reason)}; trying again in {span(wait_s)}"
            case _:
                return None

    def _progress(self, stage: int, trial: Trial) -> str | None:
        progress = trial.progress
        if progress is None:
            return None
        tenth = progress.step * _TENTHS // self._timesteps[stage]
        if tenth <= self._told.get(stage, 0):
            return None
        self._told[stage] = tenth
        last = progress.last_evaluation
        told = f", evaluation {number(last.score.mean_reward)}" if last else ""
        pace = f" at {count(progress.steps_per_s)} steps/s" if progress.steps_per_s else ""
        return f"stage {stage}: {tenth * 10} % trained{pace}{told}"


def training_view(runs: Sequence[Run], *, next_command: str | None) -> tuple[RenderableType, ...]:
    """Return the table of all seeds and stages, what is missing, and what is next."""
    first = runs[0].state
    seeds = f"seed{'s' if len(runs) > 1 else ''} {', '.join(str(run.seed) for run in runs)}"
    parts: list[RenderableType] = [
        Text(f"{first.species} · {first.algorithm} · {seeds}", style="bold"),
        _table(runs),
    ]
    missing = [f"seed {run.seed}: {line}" for run in runs for line in _missing(run)]
    if missing:
        parts += [Text("\nWhat is missing", style="bold"), *(Text(f"  - {m}") for m in missing)]
    ends = [(run, winner) for run in runs if (winner := _last(run)) is not None]
    if ends:
        parts.append(Text("\nCheckpoints", style="bold"))
        parts += [
            Text(
                f"  seed {run.seed}, stage {stage.stage} {stage.name}: {stage.winner.checkpoint.uri}"
            )
            for run, stage in ends
            if stage.winner is not None
        ]
    if next_command:
        parts += [Text("\nNext", style="bold"), Text(f"  {next_command}")]
    return tuple(parts)


def training_document(runs: Sequence[Run], *, next_command: str | None) -> dict[str, Any]:
    """Return the same as one JSON document: per seed what `status --json` tells of a sweep."""
    return {
        "version": VERSION,
        "seeds": [
            {"seed": run.seed, "fault": run.fault, **status_document(run.state)} for run in runs
        ],
        "next": next_command,
    }


def best_run(runs: Sequence[Run]) -> Run | None:
    """Return the seed whose last trained stage is worth showing: the furthest, then the best."""
    ends = [(stage, run) for run in runs if (stage := _last(run)) is not None]
    if not ends:
        return None

    def worth(end: tuple[StageState, Run]) -> tuple[int, bool, float]:
        stage = end[0]
        assert stage.winner is not None
        score = stage.verified.winner.mean_reward if stage.verified else stage.winner.objective
        return stage.stage, stage.winner.gate_passed, score

    return max(ends, key=worth)[1]


def last_checkpoint(run: Run) -> str | None:
    """Return the policy zip of the last stage that was trained."""
    stage = _last(run)
    return None if stage is None or stage.winner is None else stage.winner.checkpoint.uri


def _last(run: Run) -> StageState | None:
    won = [stage for stage in run.state.stages if stage.winner is not None]
    return won[-1] if won else None


def _table(runs: Sequence[Run]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    headers = (
        "seed",
        "stage",
        "steps",
        "time",
        "panel (95 %)",
        "verified (95 %)",
        "success",
        "gate",
    )
    for header in headers:
        table.add_column(header, no_wrap=header != "gate")
    for run in runs:
        for stage in run.state.stages:
            table.add_row(str(run.seed), f"{stage.stage} {stage.name}", *_cells(stage))
    if len(runs) > 1:
        for name, cells in _over_seeds(runs):
            table.add_row(Text("all", style="dim"), name, *cells)
    return table


def _cells(stage: StageState) -> tuple[str | Text, ...]:
    trial = stage.winner.trial if stage.winner else next(iter(stage.trials), None)
    if trial is None:
        return (NONE, NONE, NONE, NONE, NONE, Text("not begun", style="dim"))
    verified = stage.verified.winner if stage.verified else None
    return (
        count(trial.steps_trained),
        span(trial.duration_s),
        scored(trial.panel),
        scored(verified),
        _success(verified or trial.panel),
        _gate(trial),
    )


def _gate(trial: Trial) -> Text:
    if not trial.has_ended:
        return Text("not trained yet", style="yellow")
    if trial.verdict is None:
        return Text(trial.status.replace("_", " "), style="red")
    return Text("passed", style="green") if trial.passed else Text("not passed", style="red")


def _success(score: Score | None) -> str:
    if score is None or score.success_rate is None:
        return NONE
    bound = lower_bound(score.success_rate, score.episodes)
    return f"{score.success_rate:.0%} (≥ {bound:.2f})"


def _over_seeds(runs: Sequence[Run]) -> list[tuple[str, tuple[str, ...]]]:
    """Return one row per stage: the mean over seeds with its interval, and how many passed."""
    rows: list[tuple[str, tuple[str, ...]]] = []
    for place, stage in enumerate(runs[0].state.stages):
        trained = [run.state.stages[place] for run in runs]
        scores = [s.verified.winner.mean_reward for s in trained if s.verified]
        passed = sum(s.winner is not None and s.winner.gate_passed for s in trained)
        mean = number(fmean(scores)) if scores else NONE
        if len(scores) > 1:
            mean += f" ± {number(half_width_95(stdev(scores), len(scores)))}"
        told = f"{passed} of {len(runs)} passed"
        rows.append((f"{stage.stage} {stage.name}", ("", "", "", mean, "", told)))
    return rows


def _missing(run: Run) -> list[str]:
    found = []
    for stage in run.state.stages:
        trial = next(iter(stage.trials), None)
        if trial is None or not trial.has_ended or trial.passed:
            continue
        reasons = trial.verdict.reasons if trial.verdict else (one_line(trial.reason),)
        found.append(f"stage {stage.stage} {stage.name}: {'; '.join(reasons)}")
    if run.fault is not None and not found:
        found.append(one_line(run.fault))
    return found
