"""Where every stage and every running trial stands, at a glance: one table each."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from mesosweep.domain.state import StageState
from mesosweep.domain.trial import LOST, Trial
from mesosweep.report.lines import one_line
from mesosweep.report.picture import Picture, seconds_left
from mesosweep.report.words import NONE, count, number, parameters, scored, span, thresholds

_MARKS = {
    "pending": ("·", "dim"),
    "submitting": ("▶", "cyan"),
    "running": ("▶", "cyan"),
    "verifying": ("▶", "cyan"),
    "finished": ("✓", "green"),
    "failed": ("✗", "red"),
}
_WIDE = 100
"""From so many columns on, running and failed trials are told in words."""
_NARROW = 72
"""Below so many columns only the most telling ones stay."""


def stage_table(picture: Picture, *, width: int) -> Table:
    """Return one row per stage: trials, best so far, gate, time left."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    table.add_column("stage", no_wrap=True)
    table.add_column("trials", no_wrap=True)
    table.add_column("best (95 %)", no_wrap=True)
    table.add_column("gate", ratio=1)
    table.add_column("time left", no_wrap=True, justify="right")
    for stage in picture.state.stages:
        mark, style = _MARKS[stage.status]
        best = picture.best(stage)
        table.add_row(
            Text(f"{mark} {stage.stage} {stage.name}", style=style),
            _counts(picture, stage, in_words=width >= _WIDE),
            scored(best.panel) if best else NONE,
            _flexible(_gate(picture, stage, best)),
            _time_left(picture, stage),
        )
    return table


def _counts(picture: Picture, stage: StageState, *, in_words: bool) -> Text:
    ended = len(stage.ended)
    lost = sum(t.status in LOST for t in stage.trials)
    wanted = picture.wanted(stage)
    text = Text(f"{ended}/{wanted}" if wanted else str(ended))
    running = len(picture.running(stage))
    if running and stage.status != "finished":
        text.append(f" · {running} running" if in_words else f" ▶{running}", style="cyan")
    if stopped := sum(t.status == "stopped" for t in stage.trials):
        text.append(f" · {stopped} stopped" if in_words else f" ◼{stopped}", style="yellow")
    if lost:
        text.append(f" · {lost} failed" if in_words else f" ✗{lost}", style="red")
    return text


def _gate(picture: Picture, stage: StageState, best: Trial | None) -> Text:
    if stage.status == "failed":
        return Text(one_line(stage.reason) or "failed", style="red")
    if best is not None and best.verdict is not None:
        if best.passed:
            return Text("passed", style="green")
        return Text("; ".join(best.verdict.reasons), style="yellow")
    facts = picture.facts.get(stage.stage)
    return Text(", ".join(thresholds(facts.gate)) if facts else NONE, style="dim")


def _time_left(picture: Picture, stage: StageState) -> str:
    if stage.status == "verifying":
        return "verifying"
    if stage.status in ("finished", "failed") and stage.started_at and stage.ended_at:
        return f"took {span(stage.ended_at - stage.started_at)}"
    left = seconds_left(picture, stage)
    return NONE if left is None else f"~{span(left)}"


def trial_table(picture: Picture, *, room: int, width: int) -> Table | None:
    """Return running trials, the one that ended last and the best, in at most `room` rows."""
    rows = _chosen(picture)
    if not rows:
        return None
    hidden = max(len(rows) - room, 0)
    if hidden:
        # The row that says so needs a place, too.
        hidden += 1
        rows = rows[: len(rows) - hidden]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    columns = _columns(width)
    for column in columns:
        right = column in ("step", "steps/s", "evaluation")
        table.add_column(column, no_wrap=True, justify="right" if right else "left")
    table.add_column("parameters", ratio=1)
    for number_of_stage, trial, role in rows:
        cells = _cells(picture, number_of_stage, trial, role)
        words = _flexible(cells.pop("parameters"))
        table.add_row(*(cells.get(column, "") for column in columns), words)
    if hidden:
        table.add_row(Text(f"+{hidden} more", style="dim"))
    return table


def _columns(width: int) -> tuple[str, ...]:
    """Return what there is room for beside the parameters."""
    if width < _NARROW:
        return "trial", "step", "evaluation"
    return "trial", "step", "steps/s", "evaluation", "chosen by"


def _flexible(text: Text) -> Text:
    """Return the text as the one cell of its row that gives way when space is short.

    Rich shrinks columns that may wrap before those that may not; so the column may,
    and the text in it does not.
    """
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _chosen(picture: Picture) -> list[tuple[int, Trial, str]]:
    """Return what may be shown, the most telling first."""
    rows: list[tuple[int, Trial, str]] = []
    for stage in picture.state.stages:
        if stage.status not in ("running", "submitting", "verifying"):
            continue
        best = picture.best(stage)
        if best is not None:
            rows.append((stage.stage, best, "best"))
        if picture.latest is not None and picture.latest[0] == stage.stage:
            last = picture.latest[1]
            if best is None or last.identity != best.identity:
                rows.append((stage.stage, last, "last"))
        rows += [(stage.stage, trial, "") for trial in picture.running(stage)]
    return rows


def _cells(picture: Picture, stage: int, trial: Trial, role: str) -> dict[str, Text]:
    words = Text(parameters(trial.assignment, algorithm=picture.state.algorithm))
    name = Text(f"{stage}/{picture.state.stage(stage).called(trial)}")
    if role:
        name.append(f" {role}", style="green" if role == "best" else "dim")
    cells = {"trial": name, "chosen by": Text(trial.origin), "parameters": words}
    if trial.status in LOST:
        why = f"{trial.status.replace('_', ' ')}: {one_line(trial.reason)}"
        cells["parameters"] = Text(why, style="red")
    elif trial.status == "stopped":
        cells["step"] = Text(count(trial.steps_trained))
        cells["evaluation"] = Text(number(trial.best_mean_reward))
        why = f"stopped early: {one_line(trial.reason)}"
        cells["parameters"] = Text(why, style="yellow")
    elif trial.has_ended:
        cells["step"] = Text(count(trial.steps_trained))
        cells["evaluation"] = Text(scored(trial.panel))
    elif trial.progress is None:
        cells["step"] = Text("waiting", style="dim")
    else:
        progress, last = trial.progress, trial.progress.last_evaluation
        facts = picture.facts.get(stage)
        cells["step"] = Text(count(progress.step) + (f"/{count(facts.timesteps)}" if facts else ""))
        cells["steps/s"] = Text(count(progress.steps_per_s))
        cells["evaluation"] = Text(number(last.score.mean_reward if last else None))
    return cells
