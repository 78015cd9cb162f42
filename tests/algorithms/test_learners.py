"""PPO and SAC against the suite that every learner runs against."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mesosweep.algorithms._ppo import PPOLearner
from mesosweep.algorithms._sac import SACLearner
from mesosweep.testing.learner import LearnerSuite


class TestPPO(LearnerSuite):
    hyperparameters: ClassVar[Mapping[str, Any]] = {
        "n_steps": 32,
        "batch_size": 32,
        "n_epochs": 2,
        "net_arch": [16, 16],
        "schedule": "cosine",
        "learning_rate_end": 1e-5,
        "clip_range_end": 0.05,
        "ent_coef": 0.01,
        "ent_coef_end": 0.0,
    }

    def make_learner(self) -> PPOLearner:
        return PPOLearner()


class TestSAC(LearnerSuite):
    hyperparameters: ClassVar[Mapping[str, Any]] = {
        "learning_starts": 100,
        "batch_size": 32,
        "train_freq": 2,
        "gradient_steps": 1,
        "net_arch": [16, 16],
        "learning_rate_end": 1e-5,
    }

    def make_learner(self) -> SACLearner:
        return SACLearner()
