from __future__ import annotations

import pytest

from mesosweep.domain.errors import SettingsError
from mesosweep.settings.overrides import narrow, overlay, parse_overrides
from mesosweep.settings.parameters import Vocabulary, laid_over


def test_an_override_without_a_number_is_for_all_stages(vocabulary: Vocabulary) -> None:
    overrides = parse_overrides(["ppo.gamma=0.9", "2.ppo.n_steps=64.0"], vocabulary)

    assert narrow(overrides, 1) == ("ppo.gamma=0.9",)
    assert narrow(overrides, 2) == ("ppo.gamma=0.9", "ppo.n_steps=64")


def test_one_stage_beats_all_stages_and_later_beats_earlier(vocabulary: Vocabulary) -> None:
    overrides = parse_overrides(["2.ppo.gamma=0.8", "ppo.gamma=0.9", "ppo.gamma=0.95"], vocabulary)

    assert narrow(overrides, 1) == ("ppo.gamma=0.95",)
    assert narrow(overrides, 2) == ("ppo.gamma=0.8",)


def test_what_was_narrowed_reads_back_the_same(vocabulary: Vocabulary) -> None:
    texts = ["ppo.net_arch=[64,64]", "env.task=yes", "env.bite_bonus=5", "ppo.gamma=9e-1"]
    once = narrow(parse_overrides(texts, vocabulary), 3)

    assert once == (
        "ppo.net_arch=[64, 64]",
        "env.task=true",
        "env.strike_bonus=5.0",
        "ppo.gamma=0.9",
    )
    assert narrow(parse_overrides(once, vocabulary), 3) == once


def test_an_env_override_moves_the_reference_and_training_with_it(vocabulary: Vocabulary) -> None:
    stage = overlay(
        vocabulary.curriculum.stage(1), parse_overrides(["env.push_strength=6"], vocabulary)
    )

    assert stage.env["push_strength"] == 6.0
    assert "push_strength" not in stage.env_train


def test_gates_warm_up_and_hyperparameters_can_be_overridden(vocabulary: Vocabulary) -> None:
    texts = ["curriculum.gate.min_avg_forward_vel=1", "curriculum.ramp_timesteps=5", "ppo.gamma=1"]
    stage = overlay(vocabulary.curriculum.stage(2), parse_overrides(texts, vocabulary))

    assert stage.gate.min_avg_forward_vel == 1.0
    assert stage.curriculum["ramp_timesteps"] == 5
    assert "ramp_fraction" not in stage.curriculum
    assert stage.algorithms["ppo"] == {"gamma": 1.0}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ramp_fraction", "ramp_timesteps"),
        ("warmup_timesteps", "warmup_fraction"),
        ("learning_rate_end", "learning_rate_end_fraction"),
        ("ent_coef_end_fraction", "ent_coef_end"),
    ],
)
def test_what_is_said_above_replaces_the_other_spelling_below(one: str, other: str) -> None:
    assert laid_over({one: 1, "gamma": 2}, {other: 3}) == {other: 3, "gamma": 2}
    assert laid_over({other: 1}, {one: 3}) == {one: 3}


def test_of_two_spellings_the_later_override_counts_in_the_worker_too(
    vocabulary: Vocabulary,
) -> None:
    texts = ["ppo.clip_range_end=0.1", "ppo.clip_range_end_fraction=1", "ppo.clip_range_end=0.2"]
    told = narrow(parse_overrides(texts, vocabulary), 1)

    stage = overlay(vocabulary.curriculum.stage(1), parse_overrides(told, vocabulary))

    assert stage.algorithms["ppo"]["clip_range_end"] == 0.2
    assert "clip_range_end_fraction" not in stage.algorithms["ppo"]


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("ppo.gamma", "must be section.key=value", "For example"),
        ("gamma=1", "must be section.key=value", "For example"),
        ("2=1", "must be section.key=value", "For example"),
        ("4.ppo.gamma=1", "no stage 4; velociraptor has 1, 2, 3", None),
        ("pppo.gamma=1", "unknown section 'pppo'", "Did you mean 'ppo'?"),
        ("sac.gamma=1", "section 'sac' has no effect with --algorithm ppo", None),
        ("ppo.gama=1", "unknown key for ppo", "Did you mean 'gamma'?"),
        ("env.alive_bonos=1", "unknown key for species velociraptor", "'alive_bonus'"),
        ("curriculum.gate.reward=1", "unknown key for a curriculum", "gate.min_avg_reward"),
        ("ppo.gamma=high", "'high' is not a number", None),
        ("ppo.n_steps=64.5", "'64.5' is not a whole number", None),
        ("env.task=maybe", "'maybe' is not true or false", None),
    ],
)
def test_a_wrong_override_is_one_sentence(
    vocabulary: Vocabulary, text: str, complaint: str, hint: str | None
) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_overrides([text], vocabulary)

    assert str(caught.value).startswith(f"--override {text}: ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert hint is None or hint in str(caught.value.hint)
