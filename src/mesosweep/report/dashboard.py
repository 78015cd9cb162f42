"""`optuna.journal`: the sweep for optuna-dashboard, written anew as trials end. Nobody here reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mesosweep.domain import events as e
from mesosweep.domain.errors import StoreError
from mesosweep.domain.plan import SweepPlan
from mesosweep.domain.space import SearchSpace
from mesosweep.domain.state import StageState
from mesosweep.domain.trial import Trial
from mesosweep.records.files import write_text
from mesosweep.records.layout import TrialFolder, stage_and_attempt, stage_folder
from mesosweep.records.metrics import read_trial
from mesosweep.records.progress import all_evaluations
from mesosweep.report.picture import picture_of
from mesosweep.stores.file import FileStore

if TYPE_CHECKING:
    from mesosweep.report._journal import JournalText, ShownStudy, ShownTrial

NAME = "optuna.journal"
_SHARE = 20
"""A sweep of very short trials spends at most one part in so many on the export."""
_Place = tuple[int, int]
"""Stage and attempt."""


class DashboardFile:
    """Follows a sweep and keeps `optuna.journal` beside its state; usable as a context.

    The file is written whole, in one step, whenever a trial has begun or ended. What goes
    wrong with it is said once and never stops the sweep.
    """

    def __init__(
        self, plan: SweepPlan, *, now: Callable[[], datetime], warn: Callable[[str], None]
    ) -> None:
        self.path = Path(plan.here) / NAME
        self._plan = plan
        self._now = now
        self._warn = warn
        self._picture = picture_of(plan)
        self._studies: dict[_Place, ShownStudy] | None = None
        self._ended: dict[tuple[_Place, tuple[int, str]], ShownTrial] = {}
        self._text: JournalText | None = None
        self._is_due = False
        self._not_before: datetime | None = None
        self._has_warned = False

    def __call__(self, event: e.Event) -> None:
        self._picture = self._picture.after(event)
        match event:
            case e.TrialStarted() | e.TrialFinished() | e.TrialFailed():
                self._is_due = True
                self._write_when_cheap()
            case e.SweepResumed():
                self._is_due = not self.path.exists()
            case e.WinnerVerified() | e.StageFailed():
                self._is_due = True
                self._write()
            case e.StudyProgressed():
                self._write_when_cheap()
            case _:
                pass

    def __enter__(self) -> DashboardFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Told twice to stop, a sweep ends at once.
        if self._is_due and kind is not KeyboardInterrupt:
            self._write()

    def _write_when_cheap(self) -> None:
        if self._is_due and (self._not_before is None or self._now() >= self._not_before):
            self._write()

    def _write(self) -> None:
        began = self._now()
        try:
            from mesosweep.report._journal import JournalText

            began = self._now()  # Optuna takes half a second to load, but only once
            self._text = self._text or JournalText()
            write_text(self.path, self._text.of(self._shown()))
            self._is_due = False
        except Exception as error:  # noqa: BLE001  # a picture of the sweep must not end the sweep
            self._text = None  # it may have stopped half-way
            if not self._has_warned:
                self._has_warned = True
                self._warn(f"The export for optuna-dashboard is not up to date: {error}")
        self._not_before = self._now() + (self._now() - began) * _SHARE

    def _shown(self) -> Iterable[ShownStudy]:
        """Return every study there is: earlier attempts as they lie there, then this sweep's."""
        stages = [stage for stage in self._picture.state.stages if stage.study_key is not None]
        spaces = {stage.number: stage.space for stage in self._plan.stages}
        if self._studies is None:
            self._studies = dict(self._earlier(stages))
        for stage in stages:
            place = (stage.stage, stage.attempt)
            self._studies[place] = self._study(stage, spaces[stage.stage])
        return self._studies.values()

    def _earlier(self, mine: list[StageState]) -> Iterator[tuple[_Place, ShownStudy]]:
        """Yield what other attempts, and the sweeps of single stages, left in this folder."""
        root = self.path.parent
        known = {place for stage in mine for place in _places(stage)}
        begun = {stage.stage: stage.attempt for stage in mine}
        left = {
            place: folder
            for folder in sorted(root.glob("stage*"))
            if (place := stage_and_attempt(folder.name)) is not None and place not in known
        }
        recorded = {
            (stage.stage, stage.attempt): (stage, space)
            for stage, space in (_on_record(root) if left else ())
        }
        shown = {place for stage, _ in recorded.values() for place in _places(stage)}
        spaces = {stage.number: (stage.name, stage.space) for stage in self._plan.stages}
        for place, folder in left.items():
            if place in recorded:
                yield place, self._study(*recorded[place])
            elif place not in shown and place[0] in spaces:
                number, attempt = place
                if attempt > begun.get(number, attempt):
                    continue  # a later job of this sweep's own study, whose trials are still to come
                # An attempt that was given up, since an earlier stage has another winner by now.
                found = [read_trial(path) for path in folder.glob("*/metrics.json")]
                trials = [trial for trial in found if isinstance(trial, Trial)]
                trials.sort(key=lambda trial: (len(trial.trial_id), trial.trial_id))
                found_in = tuple((trial, folder) for trial in trials)
                yield place, self._titled(place, *spaces[place[0]], found_in)

    def _study(self, stage: StageState, space: SearchSpace) -> ShownStudy:
        root, number = self.path.parent, stage.stage
        # A study that took several jobs has trials in the folder of each.
        found_in = tuple(
            (trial, stage_folder(root, stage=number, attempt=trial.attempt))
            for trial in stage.trials
        )
        study = self._titled((number, stage.attempt), stage.name, space, found_in)
        if stage.winner is None:
            return study
        won = {"winner": f"trial {stage.called(stage.winner.trial)}"}
        return replace(study, attributes={**study.attributes, **won})

    def _titled(
        self, place: _Place, name: str, space: SearchSpace, trials: Iterable[tuple[Trial, Path]]
    ) -> ShownStudy:
        from mesosweep.report._journal import ShownStudy

        plan, (number, attempt) = self._plan, place
        folder = stage_folder(self.path.parent, stage=number, attempt=attempt)
        return ShownStudy(
            name=f"{folder.name} {name} ({plan.species}, {plan.algorithm})",
            space=space,
            attributes={
                "species": plan.species,
                "algorithm": plan.algorithm,
                "stage": number,
                "attempt": attempt,
            },
            trials=tuple(self._trial(place, trial, found_in) for trial, found_in in trials),
        )

    def _trial(self, place: _Place, trial: Trial, folder: Path) -> ShownTrial:
        """Return a trial with its curve; one that has ended is looked at once."""
        key = (place, trial.identity)
        if key in self._ended:
            return self._ended[key]
        shown = _shown(trial, folder / trial.trial_id, self._now())
        if trial.has_ended:
            self._ended[key] = shown
        return shown


def _places(stage: StageState) -> set[_Place]:
    """Return where the trials of a stage lie: one place for each job that its study took."""
    attempts = {stage.attempt, *(trial.attempt for trial in stage.trials)}
    return {(stage.stage, attempt) for attempt in attempts}


def _on_record(root: Path) -> Iterator[tuple[StageState, SearchSpace]]:
    """Yield the stages that saved states speak of, those set aside included, and their spaces."""
    store = FileStore(root)
    for path in sorted(root.glob("sweep_state_*.json")):
        with suppress(StoreError):  # whoever needs it will complain
            loaded = store.load(path.stem)
            if loaded is None:
                continue
            lessons = loaded[0].comparables.get("stages", {})
            for stage in loaded[0].stages:
                yield stage, SearchSpace.of(lessons.get(str(stage.stage), {}).get("space", {}))


def _shown(trial: Trial, path: Path, now: datetime) -> ShownTrial:
    """Return a trial with its times and its curve, as far as its folder tells them."""
    from mesosweep.report._journal import ShownTrial

    folder = TrialFolder(path)
    evaluations = {
        evaluation.step: evaluation.score.mean_reward
        for evaluation in all_evaluations(folder.progress)
        if evaluation.score.is_finite
    }
    if not trial.has_ended:
        return ShownTrial(trial, _written(folder.stage_config) or now, None, evaluations)
    # Not by its record: a winner's is written again when the winner is verified.
    ended = _written(folder.progress) or now
    lasted = timedelta(seconds=trial.duration_s or 0.0)
    return ShownTrial(trial, ended - lasted, ended, evaluations)


def _written(path: Path) -> datetime | None:
    """Return when a file was written last; None where there is none."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
