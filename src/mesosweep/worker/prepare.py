"""From words to things: plan, ground, learner and lesson of one trial. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

from mesosweep.domain.space import Assignment
from mesosweep.plugins import ALGORITHMS, SPECIES, Algorithm, Registry, Species, resolve
from mesosweep.ports import Ground, Learner, Lesson
from mesosweep.settings.parameters import Vocabulary
from mesosweep.settings.stages import load_curriculum
from mesosweep.settings.trial import TrialPlan, resolve_trial
from mesosweep.stores import reach
from mesosweep.worker.request import TrialRequest


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a trial is made of."""

    species: Species
    algorithm: Algorithm
    vocabulary: Vocabulary
    plan: TrialPlan
    ground: Ground
    learner: Learner
    lesson: Lesson
    assignment: Assignment
    """What was injected, by name, as understood."""


def prepare(request: TrialRequest, registry: Registry) -> Prepared:
    """Resolve a request and build what training needs, up to the first step.

    A bundle to start from and stage files that lie in a bucket are brought first.

    Raises:
        UsageError: a plugin, setting or parameter is wrong.
        CheckpointDamaged: the bundle to start from is not whole.
        StoreUnreachable, Refused: what lies in a bucket cannot be brought.
    """
    species = registry.get(SPECIES, request.species)
    algorithm = registry.get(ALGORITHMS, request.algorithm)
    stage_dir = reach.folder(str(request.stage_dir)) if request.stage_dir else None
    curriculum = load_curriculum(species, stage_dir, registry=registry)
    vocabulary = Vocabulary.of(species, algorithm, curriculum, registry)
    plan = resolve_trial(
        vocabulary,
        stage=request.stage,
        timesteps=request.timesteps,
        n_envs=request.n_envs,
        overrides=request.overrides,
        injected=request.injected,
    )
    ground = _open_ground(species, plan)
    what = f"algorithm '{algorithm.name}'"
    learner: Learner = resolve(algorithm.learner, what=what, extra=algorithm.extra)()
    lesson = Lesson(
        hyperparameters=plan.hyperparameters,
        curriculum=plan.curriculum,
        timesteps=plan.timesteps,
        n_envs=plan.n_envs,
        seed=request.training_seed,
        eval_freq=request.eval_freq,
        save_freq=request.save_freq,
        parent=reach.bundle(request.load) if request.load else None,
        device=request.device,
        trust=request.trust,
        ramp_end=plan.ramp_end,
    )
    places = {name: vocabulary.parameter(name, where=f"--{name}") for name in request.injected}
    assignment = {name: plan.parameters[place.dotted] for name, place in places.items()}
    return Prepared(species, algorithm, vocabulary, plan, ground, learner, lesson, assignment)


def _open_ground(species: Species, plan: TrialPlan) -> Ground:
    from mesosweep.envs.ground import open_ground

    return open_ground(species, reference=plan.reference, training=plan.training)
