"""The last word of a sweep: who won each stage, how good it is, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mesosweep.domain.score import Score
from mesosweep.domain.state import StageState, SweepState
from mesosweep.domain.trial import LOST
from mesosweep.report.lines import one_line
from mesosweep.report.picture import Picture
from mesosweep.report.words import NONE, gain, many, scored, span

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_YARDSTICKS = (
    ("zero", "doing nothing"),
    ("random", "random action"),
    ("untrained", "its untrained start"),
    ("default", "the species' defaults"),
)


def summary(picture: Picture, *, next_command: str | None = None) -> tuple[RenderableType, ...]:
    """Return the table of winners, what is missing, where the checkpoints lie, what is next.

    Print each with `show`: paths and commands must come out whole, however narrow the screen.
    """
    state = picture.state
    parts: list[RenderableType] = [_heading(state), winners_table(state)]
    missing = tuple(missing_words(state))
    if missing:
        parts += [Text("\nWhat is missing", style="bold"), *map(_item, missing)]
    stopped = tuple(stopped_words(state))
    if stopped:
        parts += [Text("\nStopped early", style="bold"), *map(_item, stopped)]
    winners = [(stage, stage.winner) for stage in state.stages if stage.winner is not None]
    if winners:
        parts.append(Text("\nCheckpoints", style="bold"))
        parts += [
            Text(f"  {stage.stage} {stage.name}: {winner.checkpoint.uri}")
            for stage, winner in winners
        ]
    if next_command:
        parts.append(Text("\nNext", style="bold"))
        parts += [Text(f"  {line}") for line in next_command.splitlines()]
    return tuple(parts)


def show(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print renderables; lines of text run past the edge rather than break a path in two."""
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text), highlight=False)


def _heading(state: SweepState) -> Text:
    text = Text(f"{state.species} · {state.algorithm}", style="bold")
    done = sum(s.status == "finished" and s.stage not in state.stale for s in state.stages)
    text.append(f" · {done} of {many(len(state.stages), 'stage')} finished", style="not bold")
    if state.started_at and state.finished_at:
        text.append(f" · {span(state.finished_at - state.started_at)}", style="not bold")
    return text


def winners_table(state: SweepState) -> Table:
    """Return one column per stage: the winner, its verified score, and what it gained over whom.

    Stages go across because there are few of them; so it fits 80 columns.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    # Where it is narrow the labels break, the numbers do not.
    table.add_column("", style="dim", min_width=11)
    for stage in state.stages:
        table.add_column(f"{stage.stage} {stage.name}", no_wrap=True)
    table.add_row("winner", *(_winner(stage, state) for stage in state.stages))
    table.add_row("verified (95 %)", *(_verified(stage) for stage in state.stages))
    for yardstick, words in _YARDSTICKS:
        table.add_row(f"over {words}", *(_gained(stage, yardstick) for stage in state.stages))
    table.add_row("gate", *(_verdict(stage) for stage in state.stages))
    return table


def _winner(stage: StageState, state: SweepState) -> Text | str:
    if stage.winner is not None:
        told = f"trial {stage.called(stage.winner.trial)}"
        return Text(f"{told} (stale)", style="yellow") if stage.stage in state.stale else told
    return Text(_no_winner(stage), style="red" if stage.status == "failed" else "dim")


def _verified(stage: StageState) -> Text | str:
    if stage.verified is not None:
        return scored(stage.verified.winner)
    return Text("not yet", style="yellow") if stage.winner else NONE


def _no_winner(stage: StageState) -> str:
    ended = len(stage.ended)
    if stage.status == "failed":
        return "none"
    wanted = many(stage.trials_wanted, "trial")
    return "not begun" if stage.status == "pending" else f"{ended}/{wanted}"


def _gained(stage: StageState, yardstick: str) -> Text | str:
    other: Score | None = getattr(stage.verified, yardstick, None)
    if stage.verified is None or other is None:
        return NONE
    if yardstick == "default" and _is_default(stage):
        return Text("it is the default", style="yellow")
    winner = stage.verified.winner
    style = "green" if winner.exceeds(other) else "red" if other.exceeds(winner) else "yellow"
    return Text(gain(winner, other), style=style)


def _is_default(stage: StageState) -> bool:
    return stage.winner is not None and stage.winner.trial.origin == "default"


def _verdict(stage: StageState) -> Text | str:
    if stage.winner is None:
        return NONE
    if stage.winner.gate_passed:
        return Text("passed", style="green")
    return Text("not passed", style="bold red")


def missing_words(state: SweepState) -> Iterator[str]:
    """Say in plain words what each stage lacks: to its gate, and to its yardsticks."""
    stale = state.stale
    for stage in state.stages:
        name = f"{stage.stage} {stage.name}"
        if stage.stage in stale:
            yield (
                f"{name}: stale, since a stage before it has another winner by now; run-all "
                "searches it again as a new attempt"
            )
        if stage.status == "failed":
            yield f"{name}: {one_line(stage.reason) or 'no winner'}"
        winner = stage.winner
        if winner is not None and not winner.gate_passed:
            verdict = winner.trial.verdict
            reasons = verdict.reasons if verdict and verdict.reasons else ("it was not judged",)
            yield f"{name}: gate not passed; {'; '.join(reasons)}"
        if stage.verified is not None:
            yield from _not_above(name, stage)
        if (lost := _lost(stage)) is not None:
            yield f"{name}: {lost}"


def _not_above(name: str, stage: StageState) -> Iterator[str]:
    verified = stage.verified
    assert verified is not None
    for yardstick, words in _YARDSTICKS:
        other = getattr(verified, yardstick)
        if yardstick == "default" and _is_default(stage):
            yield f"{name}: no searched trial was better than the species' defaults"
            continue
        if other is None or verified.winner.exceeds(other):
            continue
        difference = gain(verified.winner, other)
        relation = "below" if other.exceeds(verified.winner) else "not clearly above"
        yield f"{name}: {relation} {words} ({difference})"


def _lost(stage: StageState) -> str | None:
    lost = [trial for trial in stage.trials if trial.status in LOST]
    if not lost:
        return None
    first = lost[0]
    return (
        f"{many(len(lost), 'trial')} without a result; the first, {stage.called(first)}, "
        f"{first.status.replace('_', ' ')}: {one_line(first.reason) or 'no reason known'}"
    )


def stopped_words(state: SweepState) -> Iterator[str]:
    """Say for each stage how many trials were stopped early, and the steps that this saved."""
    for stage in state.stages:
        stopped = [trial for trial in stage.trials if trial.status == "stopped"]
        if not stopped:
            continue
        asked = sum(trial.steps_asked or 0 for trial in stage.ended)
        saved = sum((t.steps_asked or 0) - (t.steps_trained or 0) for t in stopped)
        share = f"; {saved:,} of {asked:,} steps saved ({saved / asked:.0%})" if asked else ""
        ended = many(len(stage.ended), "trial")
        yield f"{stage.stage} {stage.name}: {len(stopped)} of {ended}{share}"


def _item(text: str) -> RenderableType:
    return Padding(Text(f"- {text}"), (0, 0, 0, 2), expand=False)


def gate_was_missed(state: SweepState) -> bool:
    """Whether some stage's winner did not pass its gate; the exit code is 3 then."""
    return any(stage.winner is not None and not stage.winner.gate_passed for stage in state.stages)


def what_next(state: SweepState, *, again: Sequence[str]) -> str:
    """Return the most useful commands to run now, one a line, the first one first.

    `again` is the argv that made this state.
    """
    import shlex

    command = shlex.join(["mesosweep", *again])
    if state.stale or any(stage.status != "finished" for stage in state.stages):
        return f"{command}   # goes on where it stopped"
    if gate_was_missed(state):
        most = max(stage.trials_wanted for stage in state.stages)
        rest = _without(again, r"--trials(-stage\d+)?")
        return f"{shlex.join(['mesosweep', *rest, '--trials', str(2 * most)])}   # keeps these trials, adds more"
    policy = next(s.winner.checkpoint.uri for s in reversed(state.stages) if s.winner is not None)
    root = policy.rsplit("/", 4)[0]  # …/stage3/7/models/best_model.zip
    lines = [
        f"{shlex.join(['mesosweep', 'report', root])}   # the whole sweep as one page",
        f"{shlex.join(['mesosweep', 'render', policy])}   # its last winner at work",
    ]
    if len(state.stages) > 1:
        train = shlex.join(["mesosweep", "train", "--from", root, "--seeds", "3"])
        lines.append(f"{train}   # train for good with what was found")
    return "\n".join(lines)


def _without(argv: Sequence[str], flag: str) -> list[str]:
    """Return argv without a flag (a pattern) and its value, in both spellings."""
    kept: list[str] = []
    skip = False
    for word in argv:
        if skip:
            skip = False
        elif re.fullmatch(flag, word):
            skip = True
        elif not re.match(f"{flag}=", word):
            kept.append(word)
    return kept
