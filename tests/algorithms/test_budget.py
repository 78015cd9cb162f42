"""The budget is exact: not a step more is trained on, whatever the numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mesosweep.algorithms._rollout import Rollout
from mesosweep.ports import Lesson
from mesosweep.testing.tiny import Recorder, TinyEnvs, TinyGround

LessonOf = Callable[..., Lesson]
GAMMA, LAMBDA = 0.9, 0.8


@pytest.mark.parametrize("timesteps", [1, 3, 127, 128, 129, 130, 131, 257])
def test_what_is_trained_on_is_exactly_the_budget(
    *,
    on_policy: str,
    timesteps: int,
    lesson_of: LessonOf,
    learner_of: Any,
    ground: TinyGround,
    tmp_path: Path,
) -> None:
    used: list[int] = []

    class Counted(Rollout):
        def minibatches(self, batch_size: int | None = None) -> Any:
            used.append(0)
            for rows in super().minibatches(batch_size):
                used[-1] += len(rows)
                yield rows

    learner = learner_of(on_policy)
    learner.rollout_class = Counted
    trained = learner.train(
        lesson_of(on_policy, timesteps=timesteps), ground, Recorder(ground, tmp_path)
    )

    assert trained == timesteps
    if on_policy == "trpo":  # the policy sees it all once, before the critic
        assert used[::3] == used[1::3]
        del used[::3]
    assert sum(used) == timesteps * 2  # n_epochs
    assert used[::2] == used[1::2]


@pytest.mark.parametrize("timesteps", [61, 62, 64])
def test_only_counted_steps_are_remembered(
    off_policy: str, timesteps: int, lesson_of: LessonOf, seen_in_training: Callable[..., list[Any]]
) -> None:
    seen = seen_in_training(
        off_policy,
        lesson_of(off_policy, timesteps=timesteps),
        lambda s: (s.step, s.model.replay_buffer.size() * 4),
    )

    assert seen[-1] == (timesteps, timesteps // 4 * 4)


@pytest.mark.parametrize("timesteps", [130, 128])
def test_statistics_do_not_learn_from_the_surplus(
    timesteps: int, lesson_of: LessonOf, seen_in_training: Callable[..., list[Any]]
) -> None:
    counts = seen_in_training(
        "ppo", lesson_of("ppo", timesteps=timesteps), lambda s: s.env.obs_rms.count
    )

    # 32 whole vector steps and the reset before them; a cut step adds nothing.
    assert counts[-1] == pytest.approx(128 + 4)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), steps=st.integers(1, 6), lanes=st.integers(1, 4))
def test_a_cut_rollout_estimates_what_each_lane_alone_would(
    data: st.DataObject, steps: int, lanes: int
) -> None:
    surplus = data.draw(st.integers(0, lanes - 1))
    numbers = st.floats(-2, 2, width=32)
    rewards = data.draw(arrays(np.float32, (steps, lanes), elements=numbers))
    values = data.draw(arrays(np.float32, (steps + 1, lanes), elements=numbers))
    starts = data.draw(arrays(np.bool_, (steps + 1, lanes)))
    rollout = _filled(rewards, values, starts, surplus=surplus)

    expected = [
        (values[t, lane], advantage)
        for lane in range(lanes)
        for t, advantage in enumerate(
            _advantages(
                rewards[:, lane],
                values[:, lane],
                starts[:, lane],
                length=steps - (lane >= lanes - surplus),
            )
        )
    ]
    found = []
    for index in range(len(expected)):
        batch = rollout._get_samples(np.array([index]))
        found.append((float(batch.old_values[0]), float(batch.advantages[0])))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def _filled(rewards: Any, values: Any, starts: Any, *, surplus: int) -> Rollout:
    steps, lanes = rewards.shape
    box = spaces.Box(-1, 1, (1,), np.float32)
    rollout = Rollout(
        steps, box, box, device="cpu", gamma=GAMMA, gae_lambda=LAMBDA, n_envs=lanes, surplus=surplus
    )
    for t in range(steps):
        zeros = np.zeros((lanes, 1), np.float32)
        value = th.tensor(values[t])
        rollout.add(zeros, zeros, rewards[t], starts[t], value, th.zeros(lanes))
    rollout.compute_returns_and_advantage(th.tensor(values[steps]), starts[steps])
    if surplus == 0:  # flatten as `get` does
        next(iter(rollout.get(1)))
    return rollout


def _advantages(rewards: Any, values: Any, starts: Any, *, length: int) -> list[float]:
    """Generalised advantage estimation of one lane that has `length` steps."""
    found, carried = [0.0] * length, 0.0
    for t in reversed(range(length)):
        alive = 1.0 - float(starts[t + 1])
        delta = float(rewards[t]) + GAMMA * float(values[t + 1]) * alive - float(values[t])
        carried = delta + GAMMA * LAMBDA * alive * carried
        found[t] = carried
    return found


def test_the_envs_are_stepped_no_more_than_the_budget_needs(
    lesson_of: LessonOf,
    learner_of: Any,
    ground: TinyGround,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    step = TinyEnvs.step_wait

    def counted(envs: TinyEnvs) -> Any:
        calls.append(envs.num_envs)
        return step(envs)

    monkeypatch.setattr(TinyEnvs, "step_wait", counted)

    learner_of("ppo").train(lesson_of("ppo", timesteps=130), ground, Recorder(ground, tmp_path))

    assert calls.count(4) == 33
