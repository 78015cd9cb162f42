"""What our PPO does beyond SB3's, each option by itself and all of it at every resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stable_baselines3
import torch as th
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.algorithms._course import Course, Steering
from mesosweep.algorithms._flat_ppo import FlatPPO
from mesosweep.algorithms._learner import SB3Learner
from mesosweep.algorithms._reflection import Reflection
from mesosweep.algorithms._session import Session
from mesosweep.domain.errors import Interrupted, SettingsError
from mesosweep.ports import Lesson, Mirror
from mesosweep.testing.tiny import SIZE, Recorder, TinyGround

LessonOf = Callable[..., Lesson]
LearnerOf = Callable[[str], SB3Learner]
ParentOf = Callable[..., Path]
Build = Callable[[str, Lesson], Session]
Seen = Callable[..., list[Any]]

LEFT_RIGHT = Mirror((0, 1, 2), (-1, -1, -1), (0,), (-1,))
"""The tiny task: what is left of zero is right of it in the mirror."""
CROSSED = Mirror((1, 0, 2), (-1, -1, 1), (1, 0), (1, 1))


class MirrorGround(TinyGround):
    """The tiny task, declaring its symmetry."""

    def mirror(self) -> Mirror:
        return LEFT_RIGHT


@pytest.fixture
def ground() -> TinyGround:
    return MirrorGround()


# ── mirror ───────────────────────────────────────────────────────────────────


def test_a_minibatch_holds_each_sample_and_its_twin(lesson_of: LessonOf, built: Build) -> None:
    session = built("ppo", lesson_of("ppo", hyperparameters={"mirror": True, "batch_size": 32}))
    rollout = filled(session.model)

    assert session.model.extras.reflection is not None
    rollout.add_twins(session.model.extras.reflection)
    batches = list(rollout.get(32))

    assert [len(batch.actions) for batch in batches] == [64] * 4
    for batch in batches:
        for part in (batch.observations, batch.actions):
            assert th.equal(part[32:], -part[:32])
        for part in (batch.advantages, batch.returns, batch.old_values, batch.old_log_prob):
            assert th.equal(part[32:], part[:32])


def test_a_twin_that_the_policy_would_never_play_neither_moves_it_nor_counts_as_divergence(
    lesson_of: LessonOf, built: Build
) -> None:
    session = built(
        "ppo", lesson_of("ppo", hyperparameters={"mirror": True, "learning_rate": 1e-4})
    )
    with th.no_grad():  # far from symmetry: many standard deviations between a move and its twin
        session.model.policy.action_net.bias += 3.0
        session.model.policy.log_std -= 2.0
    filled(session.model)

    session.model.train()

    told = session.model.logger.name_to_value
    assert told["train/approx_kl"] < 0.1
    assert abs(told["train/policy_gradient_loss"]) < 1.0


@pytest.mark.parametrize("use_sde", [False, True], ids=["flat", "by sb3"])
def test_a_symmetrical_policy_that_trains_on_twins_stays_so(
    use_sde: bool,
    lesson_of: LessonOf,
    seen_in_training: Seen,
) -> None:
    def asymmetry(session: Session) -> float:
        seen = np.random.default_rng(0).normal(size=(64, SIZE)).astype(np.float32)
        one, other = (session.model.policy.predict(x, deterministic=True)[0] for x in (seen, -seen))
        return float(np.abs(one + other).mean() / np.abs(one - other).mean())

    # A new tanh network without biases is odd: its twin does the mirrored thing.
    plain, mirrored = (
        seen_in_training(
            "ppo", lesson_of("ppo", hyperparameters={"use_sde": use_sde, "mirror": on}), asymmetry
        )
        for on in (False, True)
    )

    assert mirrored[0] < 1e-4
    assert plain[0] > 1e-3
    assert mirrored[-1] < 0.1 * plain[-1]


def test_normalising_and_mirroring_commute_to_the_last_bit(
    lesson_of: LessonOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of("ppo", hyperparameters={"mirror": True})

    lens = seen_in_training("ppo", lesson, lambda session: session.env.lens())[-1]

    assert lens.count > 300
    assert not lens.mean.any()  # each of the three numbers is its own negative twin
    raw = np.random.default_rng(0).normal(size=(50, SIZE)).astype(np.float32)
    np.testing.assert_array_equal(lens(-raw), -lens(raw))


@given(seed=st.integers(0, 999), rows=st.integers(1, 50))
def test_symmetrised_statistics_are_those_of_samples_and_twins(seed: int, rows: int) -> None:
    reflection = Reflection(CROSSED, observations=3, actions=2)
    raw = np.random.default_rng(seed).normal(3, 2, size=(rows, 3))
    both = np.concatenate((raw, reflection.observations(raw)))

    mean, var = reflection.symmetrised(raw.mean(axis=0), raw.var(axis=0))

    np.testing.assert_allclose(mean, both.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(var, both.var(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(reflection.observations(mean[None])[0], mean)


def test_the_statistics_of_an_asymmetrical_parent_become_symmetrical(
    lesson_of: LessonOf, parent_of: ParentOf, built: Build
) -> None:
    parent = parent_of("ppo")

    session = built("ppo", lesson_of("ppo", parent=parent, hyperparameters={"mirror": True}))

    assert not session.env.obs_rms.mean.any()
    assert (session.env.obs_rms.var > 0).all()


@pytest.mark.parametrize(
    ("mirror", "told"),
    [
        (Mirror((0, 1), (1, 1), (0,), (1,)), "2 sources and 2 signs for its 3 observation"),
        (Mirror((1, 2, 0), (1, 1, 1), (0,), (1,)), "observation numbers, applied twice"),
        (Mirror((0, 1, 2), (1, 1, 1), (0,), (0.5,)), "action numbers, applied twice"),
        (Mirror((1, 0, 2), (1, -1, 1), (0,), (1,)), "observation numbers, applied twice"),
        (None, "declares no left-right symmetry"),
    ],
)
def test_a_mirror_that_is_none_is_refused(
    mirror: Mirror | None,
    told: str,
    lesson_of: LessonOf,
    learner_of: LearnerOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MirrorGround, "mirror", lambda _: mirror)

    with pytest.raises(SettingsError, match=told):
        learner_of("ppo").check(lesson_of("ppo", hyperparameters={"mirror": True}), MirrorGround())


# ── the value's warm-up ──────────────────────────────────────────────────────


@pytest.mark.parametrize("use_sde", [False, True], ids=["flat", "by sb3"])
@pytest.mark.parametrize(
    "length", [{"value_warmup_timesteps": 200}, {"value_warmup_fraction": 0.5}], ids=str
)
def test_only_the_critic_learns_in_the_values_warm_up(
    use_sde: bool,
    length: dict[str, float],
    lesson_of: LessonOf,
    parent_of: ParentOf,
    seen_in_training: Seen,
) -> None:
    structure = {"use_sde": use_sde, "n_epochs": 2}
    parent = parent_of("ppo", hyperparameters=structure)
    lesson = lesson_of("ppo", parent=parent, hyperparameters={**structure, **length})

    def weights(session: Session) -> tuple[Any, Any, float]:
        state = session.model.policy.optimizer.state
        steps = {float(one["step"]) for one in state.values()}
        named = dict(session.model.policy.named_parameters())
        return (
            th.cat([p.detach().flatten() for n, p in named.items() if "value_net" not in n]),
            th.cat([p.detach().flatten() for n, p in named.items() if "value_net" in n]),
            max(steps),
        )

    seen = seen_in_training("ppo", lesson, weights)

    assert th.equal(seen[0][0], seen[1][0])
    assert not th.equal(seen[0][1], seen[1][1])
    assert not th.equal(seen[1][0], seen[2][0])
    # 2 epochs of 4 minibatches each: the count begins anew with the policy.
    assert [count for *_, count in seen] == [8, 16, 8, 10]


def test_a_cold_start_has_no_warm_up_of_the_value(
    lesson_of: LessonOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of("ppo", hyperparameters={"value_warmup_fraction": 1.0})

    seen = seen_in_training("ppo", lesson, lambda s: s.model.extras.value_only)

    assert not any(seen)


def test_the_gentle_start_waits_for_the_policy(
    lesson_of: LessonOf, parent_of: ParentOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of(
        "ppo",
        parent=parent_of("ppo"),
        hyperparameters={"value_warmup_timesteps": 100},
        curriculum={"warmup_timesteps": 100, "warmup_clip_range": 0.03},
    )

    seen = seen_in_training("ppo", lesson, lambda s: s.model.clip_range(1))

    assert seen == [0.03, 0.03, 0.2, 0.2]


def test_an_absolute_warm_up_leaves_half_of_the_budget(
    lesson_of: LessonOf, parent_of: ParentOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of(
        "ppo", parent=parent_of("ppo"), hyperparameters={"value_warmup_timesteps": 10**6}
    )

    seen = seen_in_training("ppo", lesson, lambda s: s.model.extras.value_only)

    assert seen == [True, True, False, False]


# ── the learning rate that follows the divergence ────────────────────────────


def test_the_rate_follows_the_divergence_within_its_bounds() -> None:
    steering = Steering(0.02, 1e-4, 1e-3)

    assert steering.after(3e-4, 0.031) == pytest.approx(2e-4)
    assert steering.after(3e-4, 0.013) == pytest.approx(3.6e-4)
    assert steering.after(3e-4, 0.02) == 3e-4
    assert steering.after(1.1e-4, 1.0) == 1e-4
    assert steering.after(9e-4, 0.0) == 1e-3


def test_an_update_uses_the_rate_that_the_last_one_asked_for(
    lesson_of: LessonOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of(
        "ppo",
        timesteps=1_000,
        hyperparameters={"desired_kl": 1e-6, "learning_rate": 1e-3, "learning_rate_min": 4e-4},
    )

    seen = seen_in_training("ppo", lesson, lambda s: s.model.policy.optimizer.param_groups[0]["lr"])

    assert seen[:4] == [1e-3, pytest.approx(1e-3 / 1.5), pytest.approx(1e-3 / 2.25), 4e-4]


def test_the_rate_stays_during_the_values_warm_up(
    lesson_of: LessonOf, parent_of: ParentOf, seen_in_training: Seen
) -> None:
    lesson = lesson_of(
        "ppo",
        parent=parent_of("ppo"),
        hyperparameters={"desired_kl": 0.5, "value_warmup_timesteps": 200},
    )

    seen = seen_in_training("ppo", lesson, lambda s: s.model.policy.optimizer.param_groups[0]["lr"])

    assert seen == [3e-4, 3e-4, 3e-4, pytest.approx(3.6e-4)]


# ── a cap on exploration ─────────────────────────────────────────────────────


def test_no_log_std_exceeds_a_cap_that_falls(lesson_of: LessonOf, seen_in_training: Seen) -> None:
    lesson = lesson_of("ppo", hyperparameters={"log_std_max": -0.5, "log_std_max_end": -1.5})

    seen = seen_in_training(
        "ppo", lesson, lambda s: (s.step, float(s.model.policy.log_std.detach().max()))
    )

    for step, log_std in seen:
        assert log_std <= -0.5 - step / 400 + 1e-6
    assert seen[-1][1] == pytest.approx(-1.5)


def test_the_first_rollout_is_capped_already(lesson_of: LessonOf, built: Build) -> None:
    session = built("ppo", lesson_of("ppo", hyperparameters={"log_std_max": -0.7}))

    assert float(session.model.policy.log_std.detach()) == pytest.approx(-0.7)


def test_a_warm_start_may_begin_to_explore_anew(
    lesson_of: LessonOf, parent_of: ParentOf, built: Build
) -> None:
    chosen = {"log_std_reset": -1.25}
    parent = parent_of("ppo")

    warm = built("ppo", lesson_of("ppo", parent=parent, hyperparameters=chosen))
    cold = built("ppo", lesson_of("ppo", hyperparameters=chosen))

    assert float(warm.model.policy.log_std.detach()) == -1.25
    assert float(cold.model.policy.log_std.detach()) == 0.0


# ── the averaged policy ──────────────────────────────────────────────────────


def test_the_averaged_policy_is_judged_saved_and_handed_on(
    lesson_of: LessonOf, learner_of: LearnerOf, built: Build, tmp_path: Path
) -> None:
    lesson = lesson_of("ppo", hyperparameters={"ema_decay": 0.8, "learning_rate": 1e-2})
    judged: list[Any] = []
    seen = np.random.default_rng(0).normal(size=(16, SIZE)).astype(np.float32)

    class LastPolicy(Recorder):
        def evaluate(self, policy: Any, *, step: int) -> Any:
            judged.append(policy(seen))
            return super().evaluate(policy, step=step)

    learner, ground = learner_of("ppo"), MirrorGround()
    learner.train(lesson, ground, LastPolicy(ground, tmp_path))
    assert learner._trained is not None
    raw = learner._trained.model.policy
    before = {name: p.detach().clone() for name, p in raw.named_parameters()}
    learner.save_final(tmp_path / "final.zip")

    for name, parameter in raw.named_parameters():
        assert th.equal(parameter, before[name])  # saving changed nothing
    lens = learner._trained.env.lens()
    latest, _ = raw.predict(lens(seen), deterministic=True)
    assert np.abs(latest - judged[-1]).max() > 1e-3
    loaded = learner_of("ppo").load(tmp_path / "final.zip", ground)
    np.testing.assert_array_equal(loaded(seen), judged[-1])
    plain = stable_baselines3.PPO.load(tmp_path / "final.zip", device="cpu")
    played, _ = plain.predict(lens(seen), deterministic=True)
    np.testing.assert_allclose(played, judged[-1], rtol=1e-4, atol=1e-6)
    child = built("ppo", lesson_of("ppo", parent=tmp_path / "final.zip"))
    np.testing.assert_array_equal(child.policy(seen), judged[-1])


def test_the_average_moves_by_its_share_once_per_update(
    lesson_of: LessonOf, seen_in_training: Seen
) -> None:
    def bias(session: Session) -> tuple[Any, Any]:
        assert session.average is not None
        networks = (session.model.policy, session.average.network)
        raw, average = (dict(net.named_parameters())["action_net.bias"] for net in networks)
        return raw.detach().clone(), average.detach().clone()

    seen = seen_in_training("ppo", lesson_of("ppo", hyperparameters={"ema_decay": 0.75}), bias)

    expected = th.zeros(1)
    for raw, average in seen:
        expected = 0.75 * expected + 0.25 * raw
        th.testing.assert_close(average, expected)


# ── all of it ────────────────────────────────────────────────────────────────

ALL: dict[str, Any] = {
    "mirror": True,
    "value_warmup_fraction": 0.2,
    "desired_kl": 0.01,
    "learning_rate": 1e-3,
    "learning_rate_min": 1e-4,
    "learning_rate_max": 3e-3,
    "log_std_max": -0.3,
    "log_std_max_end": -1.0,
    "log_std_reset": -0.4,
    "ema_decay": 0.9,
}


@pytest.mark.parametrize("use_sde", [False, True], ids=["flat", "by sb3"])
@pytest.mark.parametrize("stop_at", [0, 200, 600, 1_000])
def test_a_resumed_training_with_every_option_equals_an_unbroken_one(
    *,
    use_sde: bool,
    stop_at: int,
    lesson_of: LessonOf,
    parent_of: ParentOf,
    learner_of: LearnerOf,
    tmp_path: Path,
) -> None:
    chosen = {name: value for name, value in ALL.items() if not (use_sde and "log_std" in name)}
    structure = {"use_sde": use_sde}
    lesson = lesson_of(
        "ppo",
        parent=parent_of("ppo", hyperparameters=structure),
        timesteps=1_201,
        hyperparameters={**structure, **chosen},
    )
    told = Recorder(MirrorGround(), tmp_path / "whole")
    whole = learner_of("ppo")
    whole.train(lesson, told.ground, told)
    broken = Recorder(MirrorGround(), tmp_path / "broken", stop_at=stop_at)
    with pytest.raises(Interrupted):
        learner_of("ppo").train(lesson, broken.ground, broken)
    step, folder = max(broken.checkpoints.items())

    again = Recorder(MirrorGround(), tmp_path / "again")
    resumed = learner_of("ppo")
    resumed.train(replace(lesson, resume=folder), again.ground, again)

    assert again.updates == [(at, values) for at, values in told.updates if at > step]
    assert again.evaluations == [e for e in told.evaluations if e.step > step]
    for one, other in zip(weights_of(resumed), weights_of(whole), strict=True):
        assert th.equal(one, other)


def weights_of(learner: SB3Learner) -> list[th.Tensor]:
    session = learner._trained
    assert session is not None
    assert session.average is not None
    found = [*session.model.policy.parameters(), *session.average.network.parameters()]
    for state in session.model.policy.optimizer.state.values():
        found += state.values()
    return found


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"learning_rate_min": 1e-5}, r"ppo\.learning_rate_min.*desired_kl"),
        ({"learning_rate_max": 1e-2}, r"ppo\.learning_rate_max.*desired_kl"),
        ({"desired_kl": 0.02, "learning_rate_end": 1e-5}, "steered"),
        ({"desired_kl": 0.02, "learning_rate_max": 1e-4}, "outside of its bounds"),
        ({"desired_kl": 0.0}, r"ppo\.desired_kl: 0 must be above 0"),
        ({"value_warmup_timesteps": 9, "value_warmup_fraction": 0.1}, "both say how long"),
        ({"value_warmup_fraction": 1.1}, "must not be above 1"),
        ({"log_std_max_end": -1.0}, "no ppo.log_std_max"),
        ({"log_std_max": -1.0, "use_sde": True}, "no standard deviation of actions"),
        ({"ema_decay": 1.0}, "for ever"),
    ],
)
def test_options_that_contradict_are_refused_with_a_sentence(
    given_: dict[str, Any],
    told: str,
    lesson_of: LessonOf,
    learner_of: LearnerOf,
    parent_of: ParentOf,
) -> None:
    with pytest.raises(SettingsError, match=told):
        learner_of("ppo").check(
            lesson_of("ppo", parent=None, hyperparameters=given_), MirrorGround()
        )


def test_nothing_is_on_unless_it_is_set(lesson_of: LessonOf, built: Build) -> None:
    session = built("ppo", lesson_of("ppo"))

    assert isinstance(session.model, FlatPPO)
    assert session.model.reason_against() is None
    extras = session.model.extras
    assert (extras.reflection, extras.log_std_max, extras.value_only) == (None, None, False)
    assert session.average is None
    assert Course(None, 0, 0.0, None).learns_value_only(0) is False


def filled(model: Any) -> Any:
    """Fill the model's own rollout with its own policy's steps."""
    from stable_baselines3.common.callbacks import CallbackList

    nobody = CallbackList([])
    model._setup_learn(1_000, nobody)
    nobody.init_callback(model)
    model.collect_rollouts(model.env, nobody, model.rollout_buffer, model.n_steps)
    return model.rollout_buffer
