"""Training runs meet episodes that nothing was chosen by, one run after the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

from mesosweep.domain.errors import MesosweepError
from mesosweep.domain.score import Score
from mesosweep.domain.seeds import evidence_seeds
from mesosweep.plugins import Registry
from mesosweep.records.bundle import open_bundle
from mesosweep.records.held_out import Question, read_held_out, write_held_out
from mesosweep.records.layout import TrialFolder
from mesosweep.worker.prepare import prepare
from mesosweep.worker.request import parse_request
from mesosweep.worker.stopping import interruptible


def main(argv: Sequence[str], stop: Callable[[], bool]) -> int:
    """Score the runs that `argv` (one JSON list of [trial id, argv of its trial, question]) names.

    Each score is left in its run's folder as soon as it is there; what is there is not
    played again.
    """
    try:
        for trial_id, words, question in json.loads(argv[0]):
            _score(trial_id, words, Question(**question), stop)
    except MesosweepError as error:
        if error.hint:
            print(error.hint, file=sys.stderr)
        print(" ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    return 0


def _score(
    trial_id: str, words: Sequence[str], question: Question, stop: Callable[[], bool]
) -> None:
    registry = Registry()
    request = parse_request(words, registry=registry, environ={"CLOUD_ML_TRIAL_ID": trial_id})
    folder = TrialFolder(request.folder)
    if read_held_out(folder.path, question) is not None:
        return
    prepared = prepare(request, registry)
    policy = prepared.learner.load(
        open_bundle(folder.models / question.policy).policy,
        prepared.ground,
        trust=prepared.lesson.trust,
    )
    # The same episodes for all runs of all configurations.
    seeds = evidence_seeds(
        "proof", sweep_seed=request.seed, stage=request.stage, count=question.episodes
    )
    episodes = prepared.ground.play(interruptible(policy, stop), seeds)
    write_held_out(folder.path, question, Score.of(episodes))
