"""The SAC on flat arrays is SB3's SAC: same draws, same updates, same numbers told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import SAC as SB3SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import set_random_seed

from mesosweep.algorithms._flat_sac import FlatSAC, reason_against
from mesosweep.algorithms._weights import ACTIVATION
from mesosweep.testing.tiny import TinyEnvs

LANES = 4


class WideEnvs(TinyEnvs):
    """Envs with more numbers to see and do, so that shapes cannot be confused."""

    def __init__(self) -> None:
        super().__init__(LANES, seed=0)
        self.observation_space = spaces.Box(-10, 10, (7,), np.float32)
        self.action_space = spaces.Box(-1, 1, (3,), np.float32)

    def _seen(self) -> Any:
        return np.cos(np.arange(7) * self.place[:, None] + self.goal[:, None]).astype(np.float32)


def model_of(
    kind: type[SB3SAC], *, arch: tuple[int, ...] = (8, 8), activation: str = "relu", **chosen: Any
) -> Any:
    """Build a model with a full memory that has never been updated."""
    structure = {"net_arch": list(arch), "activation_fn": ACTIVATION[activation]}
    rest = {"buffer_size": 400, "batch_size": 32, "learning_starts": 10**6, **chosen}
    model = kind("MlpPolicy", WideEnvs(), policy_kwargs=structure, seed=1, device="cpu", **rest)
    model.set_logger(Logger(folder=None, output_formats=[]))
    model.learn(600)
    generator = th.Generator().manual_seed(2)
    with th.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.2 * th.randn(parameter.shape, generator=generator))
    return model


def trained(model: Any, *, updates: int = 5) -> Any:
    set_random_seed(5)
    model.train(updates, model.batch_size)
    return model


def numbers(model: Any) -> dict[str, Any]:
    """Return all parameters and moments, by name."""
    found = {name: p.detach().numpy().copy() for name, p in model.policy.named_parameters()}
    for net in (model.actor, model.critic):
        for name, parameter in net.named_parameters():
            for key, value in net.optimizer.state[parameter].items():
                found[f"{type(net).__name__}/{name}/{key}"] = value.numpy().copy()
    if model.log_ent_coef is not None:
        found["log_ent_coef"] = model.log_ent_coef.detach().numpy().copy()
    return found


def assert_close(found: Any, expected: Any, *, share: float) -> None:
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        gap = np.linalg.norm(found[name] - wanted)
        assert gap <= share * np.linalg.norm(wanted) + 1e-9, (name, gap, np.linalg.norm(wanted))


CHOICES: list[dict[str, Any]] = [
    {},
    {"ent_coef": 0.2, "activation": "tanh"},
    {"ent_coef": "auto_0.1", "arch": (16, 4), "activation": "silu", "gamma": 0.9},
    {"n_steps": 3, "arch": (9,), "activation": "elu", "tau": 0.1},
    {"target_update_interval": 2, "arch": (6, 5, 4), "activation": "leaky_relu"},
]


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda c: ",".join(c) or "defaults")
def test_updates_end_where_sb3s_end(chosen: dict[str, Any]) -> None:
    theirs, ours = model_of(SB3SAC, **chosen), model_of(FlatSAC, **chosen)
    assert reason_against(ours) is None
    start = numbers(theirs)

    expected, found = numbers(trained(theirs)), numbers(trained(ours))

    assert_close(found, expected, share=1e-4)
    moved = {name: value - start[name] for name, value in expected.items() if name in start}
    ours_moved = {name: found[name] - start[name] for name in moved}
    assert_close(ours_moved, moved, share=1e-2)
    for name, value in theirs.logger.name_to_value.items():
        assert ours.logger.name_to_value[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    assert ours.logger.name_to_value.keys() == theirs.logger.name_to_value.keys()
    # The generators stand where SB3's stand: the next draws are the same.
    trained(theirs)
    draws = np.random.random(), float(th.rand(1))
    trained(ours)
    assert (np.random.random(), float(th.rand(1))) == draws


@pytest.mark.parametrize("activation", sorted(ACTIVATION))
def test_the_gradients_are_sb3s(activation: str) -> None:
    theirs, ours = (
        model_of(kind, activation=activation, arch=(16, 8)) for kind in (SB3SAC, FlatSAC)
    )

    for model in (theirs, ours):
        trained(model, updates=1)

    # After one step the first moment is a tenth of the gradient.
    expected, found = (
        {name: value for name, value in numbers(model).items() if name.endswith("/exp_avg")}
        for model in (theirs, ours)
    )
    assert_close(found, expected, share=1e-5)


def test_nothing_flows_into_a_log_std_at_its_bound() -> None:
    ours = model_of(FlatSAC)
    with th.no_grad():
        ours.actor.log_std.bias[0] += 5

    found = numbers(trained(ours))

    assert found["Actor/log_std.bias/exp_avg"][0] == 0
    assert (found["Actor/log_std.bias/exp_avg"][1:] != 0).all()


def test_a_zip_opens_in_plain_sb3_and_goes_on_there(tmp_path: Path) -> None:
    ours = trained(model_of(FlatSAC))
    ours.save(tmp_path / "policy.zip")

    theirs = SB3SAC.load(tmp_path / "policy.zip", device="cpu", env=WideEnvs())

    assert not vars(theirs).keys() & {"_engine", "_told_reason"}
    assert_close(numbers(theirs), numbers(ours), share=0)
    theirs.set_logger(Logger(folder=None, output_formats=[]))
    theirs.replay_buffer = ours.replay_buffer
    assert_close(numbers(trained(ours)), numbers(trained(theirs)), share=1e-4)


def test_what_is_not_covered_sb3_does_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = model_of(FlatSAC, use_sde=True)
    before = numbers(model)

    trained(model)

    (message,) = caplog.messages
    assert message.startswith("sac: stable-baselines3 updates, because of ")
    assert any(not np.array_equal(numbers(model)[name], before[name]) for name in before)
