"""The PPO on flat arrays is SB3's PPO: same gradients, same updates, same numbers told."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stable_baselines3 import PPO as SB3PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import set_random_seed

from mesosweep.algorithms._acting import actor_of
from mesosweep.algorithms._flat_adam import FlatAdam
from mesosweep.algorithms._flat_ppo import FlatPPO
from mesosweep.algorithms._rollout import Rollout
from mesosweep.algorithms._weights import ACTIVATION
from mesosweep.testing.tiny import TinyEnvs

LANES, STEPS = 4, 16


class WideEnvs(TinyEnvs):
    """Envs with more numbers to see and do, so that shapes cannot be confused."""

    def __init__(self, n: int, *, seed: int, seen: int = 7, done: int = 3) -> None:
        super().__init__(n, seed=seed)
        self.observation_space = spaces.Box(-10, 10, (seen,), np.float32)
        self.action_space = spaces.Box(-1, 1, (done,), np.float32)

    def _seen(self) -> Any:
        angles = np.arange(self.observation_space.shape[0])  # type: ignore[index]  # a Box
        return np.cos(angles * self.place[:, None] + self.goal[:, None]).astype(np.float32)


def model_of(
    kind: type[SB3PPO],
    *,
    arch: tuple[int, ...] = (8, 8),
    activation: str = "tanh",
    seed: int = 1,
    **chosen: Any,
) -> Any:
    """Build a model whose network is anything but symmetric or near zero."""
    with warnings.catch_warnings():
        # A last minibatch that is smaller than the others is wanted here.
        warnings.filterwarnings("ignore", "You have specified a mini-batch size")
        model = kind(
            "MlpPolicy",
            WideEnvs(LANES, seed=0),
            n_steps=STEPS,
            policy_kwargs={"net_arch": list(arch), "activation_fn": ACTIVATION[activation]},
            seed=seed,
            device="cpu",
            **{"batch_size": 16, "n_epochs": 2, **chosen},
        )
    model.set_logger(Logger(folder=None, output_formats=[]))
    generator = th.Generator().manual_seed(seed)
    with th.no_grad():
        for parameter in model.policy.parameters():
            parameter.add_(0.3 * th.randn(parameter.shape, generator=generator))
    return model


def fill(model: Any, *, seed: int = 2, spread: float = 0.3) -> None:
    """Give a model a rollout of its own policy, a little out of date."""
    rng, net = np.random.default_rng(seed), model.policy
    rollout = Rollout(
        STEPS, model.observation_space, model.action_space, device="cpu", n_envs=LANES,
        gamma=model.gamma, gae_lambda=model.gae_lambda,
    )  # fmt: skip
    for _ in range(STEPS):
        seen = rng.normal(size=(LANES, 7)).astype(np.float32)
        with th.no_grad():
            mean = net.get_distribution(th.as_tensor(seen)).mode().numpy()
            scale = np.exp(net.log_std.detach().numpy())
            done = (mean + scale * rng.normal(size=mean.shape)).astype(np.float32)
            values, log_probs, _ = net.evaluate_actions(th.as_tensor(seen), th.as_tensor(done))
        stale = th.as_tensor(spread * rng.normal(size=LANES), dtype=th.float32)
        starts = rng.random(LANES) < 0.1
        rollout.add(
            seen, done, rng.normal(size=LANES), starts, values.flatten() + stale, log_probs + stale
        )
    rollout.compute_returns_and_advantage(th.zeros(LANES), np.zeros(LANES, np.bool_))
    model.rollout_buffer = rollout


class _Caught(Exception):
    """The gradient is there; what would be done with it is not wanted."""


def first_gradient(model: Any, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the gradient of the first minibatch, before it is clipped."""
    found: dict[str, Any] = {}

    def caught(*args: Any, **kwargs: Any) -> Any:
        engine = getattr(model, "_engine", None)
        parts = engine.net.gradient.parts if engine else {}
        for name, parameter in model.policy.named_parameters():
            found[name] = (parts[name] if engine else parameter.grad.numpy()).copy()
        raise _Caught

    with patch.context() as patched:
        patched.setattr(FlatAdam, "step", caught)
        patched.setattr(th.nn.utils, "clip_grad_norm_", caught)
        np.random.seed(5)
        with pytest.raises(_Caught):
            model.train()
    return found


def pair(**chosen: Any) -> tuple[Any, Any]:
    """Return SB3's model and ours in the same state."""
    ours, theirs = model_of(FlatPPO, **chosen), model_of(SB3PPO, **chosen)
    for model in (ours, theirs):
        fill(model)
    assert ours.reason_against() is None
    return theirs, ours


def assert_close(found: Mapping[str, Any], expected: Mapping[str, Any], *, share: float) -> None:
    """Compare by the length of the difference over the length of what is expected, part by part."""
    assert found.keys() == expected.keys()
    for name, wanted in expected.items():
        gap = np.linalg.norm(found[name] - wanted)
        assert gap <= share * np.linalg.norm(wanted) + 1e-9, (name, gap, np.linalg.norm(wanted))


@pytest.mark.parametrize("arch", [(8,), (8, 8), (16, 4), (6, 9, 5), (4, 4, 4, 4)], ids=str)
@pytest.mark.parametrize("activation", sorted(ACTIVATION))
def test_the_gradient_is_sb3s(
    arch: tuple[int, ...], activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = pair(arch=arch, activation=activation, ent_coef=0.01)

    expected = first_gradient(theirs, monkeypatch)

    assert_close(first_gradient(ours, monkeypatch), expected, share=1e-5)


SETTINGS = st.fixed_dictionaries(
    {
        "batch_size": st.sampled_from([2, 3, 16, 30, 64]),
        "clip_range": st.floats(0.01, 0.5),
        "clip_range_vf": st.none() | st.floats(0.01, 0.5),
        "ent_coef": st.floats(0, 0.1),
        "vf_coef": st.floats(0, 1),
        "normalize_advantage": st.booleans(),
        "activation": st.sampled_from(sorted(ACTIVATION)),
        "arch": st.lists(st.integers(1, 12), min_size=1, max_size=3).map(tuple),
        "seed": st.integers(0, 2**16),
    }
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(chosen=SETTINGS)
def test_the_gradient_is_sb3s_whatever_the_settings(
    chosen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, ours = pair(**chosen)

    expected = first_gradient(theirs, monkeypatch)

    found = first_gradient(ours, monkeypatch)
    whole = [np.concatenate([g[name].ravel() for name in expected]) for g in (found, expected)]
    assert np.linalg.norm(whole[0] - whole[1]) <= 1e-5 * np.linalg.norm(whole[1]) + 1e-9


def trained(model: Any) -> Any:
    np.random.seed(5)
    set_random_seed(5)
    model.train()
    return model


def numbers(model: Any) -> dict[str, Any]:
    """Return parameters and moments, by name."""
    found = {}
    for name, parameter in model.policy.named_parameters():
        found[name] = parameter.detach().numpy().copy()
        for key, value in model.policy.optimizer.state[parameter].items():
            found[f"{name}/{key}"] = value.numpy().copy()
    return found


CHOICES: list[dict[str, Any]] = [
    {},
    {"clip_range_vf": 0.1, "ent_coef": 0.01, "activation": "elu"},
    {"max_grad_norm": 0.01, "n_epochs": 5},
    {"batch_size": 27, "normalize_advantage": False, "activation": "silu", "arch": (12, 5, 7)},
    {"target_kl": 0.02, "learning_rate": 3e-3, "n_epochs": 10},
]


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda c: ",".join(c) or "defaults")
def test_a_whole_update_ends_where_sb3s_ends(chosen: dict[str, Any]) -> None:
    theirs, ours = pair(**chosen)

    expected, found = numbers(trained(theirs)), numbers(trained(ours))

    assert_close(found, expected, share=1e-3)
    assert all(found[name] == expected[name] for name in expected if name.endswith("/step"))


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda c: ",".join(c) or "defaults")
def test_what_is_logged_is_what_sb3_logs(chosen: dict[str, Any]) -> None:
    theirs, ours = pair(**chosen)

    expected = trained(theirs).logger.name_to_value
    told = trained(ours).logger.name_to_value

    assert told.keys() == expected.keys()
    for name, value in expected.items():
        assert told[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name


def test_the_divergence_stops_an_update_at_the_same_minibatch() -> None:
    theirs, ours = pair(target_kl=0.02, learning_rate=3e-3, n_epochs=10)

    steps = {name: value for name, value in numbers(trained(theirs)).items() if "/step" in name}

    assert 0 < steps["log_std/step"] < 10 * STEPS * LANES / 16
    assert numbers(trained(ours))["log_std/step"] == steps["log_std/step"]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"use_sde": True}, "no diagonal Gaussian"),
        ({"policy_kwargs": {"net_arch": []}}, "different layers"),
        ({"policy_kwargs": {"net_arch": {"pi": [4], "vf": [5]}}}, "different layers"),
        ({"policy_kwargs": {"activation_fn": th.nn.GELU}}, "layers that are not known"),
        ({"policy_kwargs": {"optimizer_class": th.optim.SGD}}, "the optimiser SGD"),
        ({"policy_kwargs": {"optimizer_kwargs": {"amsgrad": True}}}, "Adam with amsgrad"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_covered_sb3_does_and_the_log_says_so(
    chosen: dict[str, Any], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = FlatPPO("MlpPolicy", WideEnvs(LANES, seed=0), n_steps=STEPS, batch_size=16, **chosen)
    model.set_logger(Logger(folder=None, output_formats=[]))
    before = numbers(model)

    model.learn(STEPS * LANES)

    (message,) = caplog.messages
    assert message.startswith("ppo: stable-baselines3 collects and updates, because of ")
    assert told in message
    assert any(not np.array_equal(numbers(model)[name], before[name]) for name in before)


def test_what_is_covered_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    model = model_of(FlatPPO)

    model.learn(2 * STEPS * LANES)

    assert caplog.messages == ["ppo: collects and updates on flat arrays"]


@pytest.mark.parametrize("activation", sorted(ACTIVATION))
def test_it_acts_without_torch_as_predict_does(activation: str) -> None:
    _, ours = pair(activation=activation, arch=(16, 4))
    seen = np.random.default_rng(0).normal(size=(32, 7)).astype(np.float32)
    actor = actor_of(ours.policy)
    assert actor is not None

    found, (expected, _) = actor(seen), ours.policy.predict(seen, deterministic=True)
    trained(ours)

    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert (np.abs(found) == 1).any()  # some lie on the bounds
    np.testing.assert_array_equal(actor(seen), found)  # training on changes nothing


@pytest.mark.parametrize("most", [1e-3, 1e3], ids=["clipped", "whole"])
def test_an_adam_step_is_torchs(most: float) -> None:
    _, ours = pair()
    engine = ours._flat()
    theirs = [p.detach().clone().requires_grad_() for p in ours.policy.parameters()]
    adam = th.optim.Adam(theirs, lr=1e-2, eps=1e-5)
    ours.policy.optimizer.param_groups[0]["lr"] = 1e-2

    for step in range(5):
        engine.net.gradient.whole[:] = np.random.default_rng(step).normal(
            size=len(engine.net.gradient.whole)
        )
        for (name, _), mine in zip(ours.policy.named_parameters(), theirs, strict=True):
            mine.grad = th.as_tensor(engine.net.gradient.parts[name].copy())
        th.nn.utils.clip_grad_norm_(theirs, most)
        adam.step()
        engine.adam.step(max_grad_norm=most)

    for mine, found in zip(theirs, ours.policy.parameters(), strict=True):
        th.testing.assert_close(found, mine, rtol=1e-5, atol=1e-6)
        for key, value in adam.state[mine].items():
            kept = ours.policy.optimizer.state[found][key]
            th.testing.assert_close(kept, value, rtol=1e-4, atol=1e-9)


def test_torch_and_the_flat_arrays_are_one_memory() -> None:
    _, ours = pair()
    trained(ours)

    with th.no_grad():
        ours.policy.log_std.fill_(-0.5)
        ours.policy.optimizer.state[ours.policy.log_std]["exp_avg"].fill_(0.25)

    assert (ours._engine.net.log_std == -0.5).all()
    fill(ours)
    before = numbers(ours)["log_std"]
    trained(ours)
    assert not np.array_equal(numbers(ours)["log_std"], before)


def test_plain_sb3_goes_on_from_the_zip_as_we_would(tmp_path: Path) -> None:
    _, ours = pair(batch_size=64, n_epochs=1)
    trained(ours)
    ours.save(tmp_path / "policy.zip")

    theirs = SB3PPO.load(tmp_path / "policy.zip", device="cpu", env=WideEnvs(LANES, seed=0))

    assert type(theirs) is SB3PPO
    assert not vars(theirs).keys() & {"extras", "_engine"}
    assert_close(numbers(theirs), numbers(ours), share=0)
    theirs.set_logger(Logger(folder=None, output_formats=[]))
    for model in (theirs, ours):
        fill(model, seed=3)
    assert_close(numbers(trained(ours)), numbers(trained(theirs)), share=1e-4)
    theirs.learn(STEPS * LANES)


def test_we_go_on_from_a_zip_of_plain_sb3(tmp_path: Path) -> None:
    theirs, _ = pair()
    trained(theirs)
    theirs.save(tmp_path / "policy.zip")

    ours = FlatPPO.load(tmp_path / "policy.zip", device="cpu", env=WideEnvs(LANES, seed=0))

    assert_close(numbers(ours), numbers(theirs), share=0)
    ours.set_logger(Logger(folder=None, output_formats=[]))
    for model in (theirs, ours):
        fill(model, seed=3)
    assert_close(numbers(trained(ours)), numbers(trained(theirs)), share=1e-3)


def test_an_optimiser_that_is_loaded_is_taken_up() -> None:
    _, ours = pair()
    start = dict(ours.get_parameters())
    trained(ours)

    ours.set_parameters(start)
    assert not ours.policy.optimizer.state
    fill(ours)
    trained(ours)

    assert numbers(ours)["log_std/step"] == 2 * STEPS * LANES / 16


class _Watched(BaseCallback):
    """Keeps what a rollout was made of."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[dict[str, Any]] = []

    def _on_step(self) -> bool:
        wanted = ("actions", "new_obs", "rewards", "dones", "infos")
        self.steps.append({name: self.locals[name] for name in wanted})
        return True


def collected(model: Any) -> tuple[Rollout, _Watched]:
    watched = _Watched()
    model._setup_learn(STEPS * LANES, watched)
    watched.on_training_start({}, {})
    model.collect_rollouts(model.env, watched, model.rollout_buffer, STEPS)
    return model.rollout_buffer, watched


def replayed(model: Any, ours: Rollout) -> Rollout:
    """Let SB3 collect with the actions that we took."""
    actions = iter(ours.actions.copy())

    def forward(seen: th.Tensor) -> Any:
        done = th.as_tensor(next(actions))
        values, log_probs, _ = type(model.policy).evaluate_actions(model.policy, seen, done)
        return done, values.detach(), log_probs.detach()

    model.policy.forward = forward
    rollout: Rollout = collected(model)[0]
    return rollout


def test_a_rollout_holds_what_sb3_would_have_put_in_it() -> None:
    # A short horizon cuts episodes by time, so that their ends are bootstrapped.
    theirs, ours = model_of(SB3PPO, n_epochs=1), model_of(FlatPPO)
    found, watched = collected(ours)

    expected = replayed(theirs, found)

    assert watched.steps[0]["actions"].shape == (LANES, 3)
    for name in ("observations", "actions", "episode_starts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for name in ("rewards", "values", "log_probs", "advantages", "returns"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-5, err_msg=name
        )
    np.testing.assert_array_equal(ours._last_obs, theirs._last_obs)
    np.testing.assert_array_equal(ours._last_episode_starts, theirs._last_episode_starts)
    assert ours.num_timesteps == theirs.num_timesteps == STEPS * LANES
