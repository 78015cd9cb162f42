"""Configurations trained again from fresh seeds: nothing is searched, everything is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from mesosweep.domain.errors import BackendError, Interrupted, RepeatedFailure
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Trial
from mesosweep.ports import Clock, TrialOrder

ORIGIN = "verify"
_ALIKE = 3


class Repeater(Protocol):
    """The part of a `ports.TrialRunner` that is needed where nothing is chosen."""

    def known(self, study: Study) -> Sequence[Trial]: ...
    def start(self, order: TrialOrder) -> None: ...
    def poll(self, study: Study) -> Sequence[Trial]: ...
    def wait(self, study: Study, clock: Clock) -> None: ...


def retrain(
    studies: Sequence[Study],
    *,
    runner: Repeater,
    parallel: int,
    clock: Clock,
    stop: Callable[[], bool],
) -> Iterator[tuple[Study, Trial]]:
    """Run trials 1 to `study.trials` of every study, `parallel` at a time; yield each as it ends.

    A study is one configuration, its `default` the assignment of all its trials. Those on
    record are not run again, those that were interrupted go on. The first runs of all come
    before the second of any, so that what is there when it is broken off can be compared.

    Raises:
        Interrupted: `stop` said so between two looks; the caller ends what is running.
        RepeatedFailure: run after run failed in the same way.
        BackendError: no run can be started here.
    """
    try:
        yield from _walked(studies, runner=runner, parallel=parallel, clock=clock, stop=stop)
    except BackendError as error:
        # A signal to all our processes ends what starts workers, maybe before we looked.
        if stop():
            raise Interrupted("Stopped.") from error
        raise


def _walked(
    studies: Sequence[Study],
    *,
    runner: Repeater,
    parallel: int,
    clock: Clock,
    stop: Callable[[], bool],
) -> Iterator[tuple[Study, Trial]]:
    by_key = {study.key: study for study in studies}
    wanted = [
        (study.key, str(number))
        for number in range(1, max(study.trials for study in studies) + 1)
        for study in studies
        if number <= study.trials
    ]
    ended: dict[tuple[str, str], Trial] = {}
    going: list[tuple[str, str]] = []
    reasons: list[str] = []
    for study in studies:
        runner.known(study)
    while True:
        for study in studies:
            for trial in runner.poll(study):
                place = (study.key, trial.trial_id)
                if not trial.has_ended or place in ended or place not in wanted:
                    continue
                ended[place] = trial
                yield study, trial
                if place in going:
                    going.remove(place)
                    reasons.append(trial.reason or "" if trial.status == "failed" else "")
        _check(reasons)
        if stop():
            raise Interrupted("Stopped.")
        waiting = [place for place in wanted if place not in ended and place not in going]
        for key, trial_id in waiting[: max(parallel - len(going), 0)]:
            study = by_key[key]
            runner.start(TrialOrder(study, trial_id, study.default or {}, ORIGIN))
            going.append((key, trial_id))
        if not going:
            return
        runner.wait(by_key[going[0][0]], clock)


def _check(reasons: Sequence[str]) -> None:
    last = reasons[-_ALIKE:]
    if len(last) == _ALIKE and last[0] and len(set(last)) == 1:
        raise RepeatedFailure(
            f"{_ALIKE} runs in a row failed alike: {last[0]}",
            hint="Mend the cause, remove the folders of the failed runs, and run the same command.",
        )
