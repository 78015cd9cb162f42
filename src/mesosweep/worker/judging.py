"""A stage's winner meets episodes that nobody has seen, and so does what it must beat."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mesosweep.domain.errors import MesosweepError
from mesosweep.domain.events import Verified
from mesosweep.domain.score import Score
from mesosweep.domain.seeds import evidence_seeds
from mesosweep.plugins import Registry
from mesosweep.ports import Policy
from mesosweep.records.bundle import open_bundle
from mesosweep.records.layout import TrialFolder
from mesosweep.records.metrics import add_verified
from mesosweep.records.verified import Hearing, read_verified, write_verified
from mesosweep.worker.prepare import prepare
from mesosweep.worker.request import parse_request
from mesosweep.worker.stopping import interruptible


def main(argv: Sequence[str], stop: Callable[[], bool]) -> int:
    """Hold the hearing that `argv` (one JSON object) describes; returns an exit code.

    The scores are left beside the winner, and its own in its `metrics.json`. A hearing
    that is broken off leaves nothing: it is held again from its beginning.
    """
    try:
        hold(Hearing(**json.loads(argv[0])), stop=stop)
    except MesosweepError as error:
        if error.hint:
            print(error.hint, file=sys.stderr)
        print(" ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    return 0


def hold(hearing: Hearing, *, stop: Callable[[], bool] = lambda: False) -> Verified:
    """Score the winner and its rivals on the test block, all on the same episodes.

    What was once scored is not scored again: the block is fresh only once.

    Raises:
        CheckpointDamaged: a bundle is not whole.
        StoreError: the winner's folder cannot be written.
        Interrupted: `stop` said so; nothing was written.
    """
    registry = Registry()
    request = parse_request(
        hearing.arguments, registry=registry, environ={"CLOUD_ML_TRIAL_ID": hearing.trial_id}
    )
    folder = TrialFolder(request.folder)
    if (verified := read_verified(folder.path, hearing)) is None:
        prepared = prepare(request, registry)
        learner, ground, lesson = prepared.learner, prepared.ground, prepared.lesson
        from mesosweep.envs.ground import random_policy, zero_policy

        seeds = evidence_seeds(
            "test", sweep_seed=request.seed, stage=request.stage, count=hearing.episodes
        )

        def kept(uri: str) -> Policy:
            return learner.load(open_bundle(Path(uri)).policy, ground, trust=lesson.trust)

        def score(policy: Policy) -> Score:
            return Score.of(ground.play(interruptible(policy, stop), seeds))

        verified = Verified(
            winner=score(kept(hearing.winner)),
            zero=score(zero_policy(ground)),
            random=score(random_policy(ground, request.seed)),
            untrained=score(learner.untrained(lesson, ground)),
            default=score(kept(hearing.default)) if hearing.default else None,
        )
        write_verified(folder.path, hearing, verified)
    add_verified(folder.metrics, verified)
    return verified
