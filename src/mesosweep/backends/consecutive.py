"""A gate that one lucky evaluation does not open: it must be passed several times in a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mesosweep.domain.score import Gate, Verdict
from mesosweep.domain.study import Study
from mesosweep.domain.trial import Evaluation, Trial
from mesosweep.ports import Clock, TrialOrder, TrialRunner


class Consecutive:
    """A `ports.TrialRunner` whose trials pass only what they passed `passes` times in a row, too.

    The panel's word stands first; the evaluations of training can only add to what is missing.
    """

    def __init__(self, runner: TrialRunner, passes: int) -> None:
        self._runner = runner
        self._passes = passes

    def known(self, study: Study) -> Sequence[Trial]:
        return [self._judged(study, trial) for trial in self._runner.known(study)]

    def poll(self, study: Study) -> Sequence[Trial]:
        return [self._judged(study, trial) for trial in self._runner.poll(study)]

    def start(self, order: TrialOrder) -> None:
        self._runner.start(order)

    def evaluations(self, study: Study, trial: Trial) -> Sequence[Evaluation]:
        return self._runner.evaluations(study, trial)

    def end_early(self, study: Study, trial: Trial, reason: str) -> None:
        self._runner.end_early(study, trial, reason)

    def capacity(self, study: Study) -> int:
        return self._runner.capacity(study)

    def wait(self, study: Study, clock: Clock) -> None:
        self._runner.wait(study, clock)

    def stop(self, study: Study, *, gently: bool) -> None:
        self._runner.stop(study, gently=gently)

    def _judged(self, study: Study, trial: Trial) -> Trial:
        if trial.verdict is None or study.gate == Gate():
            return trial
        longest = longest_pass(self._runner.evaluations(study, trial), study.gate)
        if longest >= self._passes:
            return trial
        missing = f"passed by at most {longest} evaluations in a row, not {self._passes}"
        return replace(trial, verdict=Verdict(False, (*trial.verdict.reasons, missing)))


def longest_pass(evaluations: Iterable[Evaluation], gate: Gate) -> int:
    """Return how many evaluations in a row passed the gate, at the most."""
    longest = run = 0
    for evaluation in evaluations:
        run = run + 1 if gate.admits(evaluation.score).passed else 0
        longest = max(longest, run)
    return longest
