"""Every algorithm against the suite that every learner runs against."""

from collections.abc import Mapping
from typing import Any, ClassVar

from mesosweep.algorithms._crossq import CrossQLearner
from mesosweep.algorithms._ppo import PPOLearner
from mesosweep.algorithms._sac import SACLearner
from mesosweep.algorithms._tqc import TQCLearner
from mesosweep.algorithms._trpo import TRPOLearner
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


class TestTQC(LearnerSuite):
    hyperparameters: ClassVar[Mapping[str, Any]] = {
        **TestSAC.hyperparameters,
        "top_quantiles_to_drop_per_net": 3,
        "target_update_interval": 2,
    }

    def make_learner(self) -> TQCLearner:
        return TQCLearner()


class TestCrossQ(LearnerSuite):
    hyperparameters: ClassVar[Mapping[str, Any]] = {
        **TestSAC.hyperparameters,
        "policy_delay": 2,
    }

    def make_learner(self) -> CrossQLearner:
        return CrossQLearner()


class TestTRPO(LearnerSuite):
    hyperparameters: ClassVar[Mapping[str, Any]] = {
        "n_steps": 32,
        "batch_size": 32,
        "n_critic_updates": 2,
        "net_arch": [16, 16],
        "schedule": "cosine",
        "learning_rate_end": 1e-5,
        "target_kl_end_fraction": 0.1,
    }

    def make_learner(self) -> TRPOLearner:
        return TRPOLearner()
