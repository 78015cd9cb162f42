from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.algorithms.sb3 import SAC
from mesosweep.domain.errors import SettingsError
from mesosweep.plugins import Registry, Species
from mesosweep.settings.parameters import Vocabulary
from mesosweep.settings.stages import load_curriculum
from mesosweep.settings.trial import fitted, lengths_of, resolve_trial

Animal = Callable[..., Species]


def test_a_trial_without_parameters_is_the_species_own(vocabulary: Vocabulary) -> None:
    trial = resolve_trial(vocabulary, stage=1)

    assert (trial.stage_name, trial.timesteps, trial.n_envs) == ("balance", 500_000, 8)
    assert trial.reference["push_strength"] == 4.0
    assert trial.training["push_strength"] == 2.0
    assert trial.hyperparameters["learning_rate"] == 3e-4
    assert trial.hyperparameters["gamma"] == 0.99
    assert trial.hyperparameters["net_arch"] == [256, 256]
    assert trial.parameters["ppo.net_arch"] == "medium"
    assert trial.notes == ()


def test_swept_weights_change_what_is_trained_on_and_nothing_else(vocabulary: Vocabulary) -> None:
    trial = resolve_trial(vocabulary, stage=1, injected={"env_alive_bonus": "4.5"})

    assert trial.reference == vocabulary.curriculum.stage(1).env
    assert trial.training["alive_bonus"] == 4.5
    assert trial.parameters["env.alive_bonus"] == 4.5


def test_injected_beats_override_beats_stage_file_beats_default(vocabulary: Vocabulary) -> None:
    def n_steps(overrides: tuple[str, ...], injected: dict[str, str]) -> object:
        trial = resolve_trial(vocabulary, stage=1, overrides=overrides, injected=injected)
        return trial.hyperparameters["n_steps"]

    assert n_steps((), {}) == 1024
    assert n_steps(("ppo.n_steps=512",), {}) == 512
    assert n_steps(("ppo.n_steps=512",), {"ppo_n_steps": "256"}) == 256
    assert resolve_trial(vocabulary, stage=2).hyperparameters["n_steps"] == 2048


def test_an_end_of_either_kind_replaces_the_stages_end(bent: Vocabulary) -> None:
    def ends(*overrides: str, **injected: str) -> dict[str, object]:
        trial = resolve_trial(bent, stage=1, overrides=overrides, injected=injected)
        return {name: v for name, v in trial.hyperparameters.items() if "_end" in name}

    assert ends() == {"learning_rate_end_fraction": 0.2}
    assert ends("ppo.learning_rate_end=1e-5") == {"learning_rate_end": 1e-5}
    assert ends(ppo_learning_rate_end="1e-6") == {"learning_rate_end": 1e-6}
    assert ends("ppo.learning_rate_end=1e-5", ppo_learning_rate_end_fraction="0.5") == {
        "learning_rate_end_fraction": 0.5
    }


def test_two_ends_from_one_hand_are_refused(vocabulary: Vocabulary) -> None:
    injected = {"ppo_ent_coef_end": "0", "ppo_ent_coef_end_fraction": "0.1"}

    with pytest.raises(SettingsError, match="sets the same as --ppo_ent_coef_end"):
        resolve_trial(vocabulary, stage=1, injected=injected)


def test_values_come_as_the_kinds_that_the_algorithm_declares(vocabulary: Vocabulary) -> None:
    injected = {"ppo_batch_size": "128.0", "ppo_gamma": "1", "ppo_net_arch": "tapered"}
    told = resolve_trial(vocabulary, stage=1, injected=injected).hyperparameters

    assert (told["batch_size"], type(told["batch_size"])) == (128, int)
    assert (told["gamma"], type(told["gamma"])) == (1.0, float)
    assert told["net_arch"] == [512, 256]


def test_sac_takes_a_number_or_a_word_for_its_entropy(raptor: Species, shelf: Registry) -> None:
    vocabulary = Vocabulary.of(raptor, SAC, load_curriculum(raptor, registry=shelf), shelf)

    assert resolve_trial(vocabulary, stage=1).hyperparameters["ent_coef"] == "0.05"
    assert resolve_trial(vocabulary, stage=2).hyperparameters["ent_coef"] == "auto"


def test_a_foreign_task_word_is_mapped_and_said(vocabulary: Vocabulary) -> None:
    trial = resolve_trial(vocabulary, stage=3, injected={"env_bite_bonus": "80"})

    assert trial.training["strike_bonus"] == 80.0
    assert trial.notes == ("env_bite_bonus means env_strike_bonus for velociraptor.",)


def test_two_names_of_one_term_are_an_error(vocabulary: Vocabulary) -> None:
    with pytest.raises(SettingsError, match="--env_task_bonus: sets the same as --env_bite_bonus"):
        resolve_trial(vocabulary, stage=3, injected={"env_bite_bonus": "8", "env_task_bonus": "9"})


def test_the_ramp_ends_at_the_weight_that_is_trained_on(vocabulary: Vocabulary) -> None:
    trial = resolve_trial(vocabulary, stage=2, injected={"env_forward_vel_weight": "3"})

    assert trial.ramp_end == 3.0
    assert trial.reference["forward_vel_weight"] == 2.0


def test_a_ramp_without_its_weight_is_an_error(animal: Animal, shelf: Registry) -> None:
    text = 'name = "balance"\ntimesteps = 10_000\n[curriculum]\nramp_fraction = 0.5'
    species = animal("allo", files={"stage1_balance.toml": text})
    vocabulary = Vocabulary.of(species, SAC, load_curriculum(species, registry=shelf), shelf)

    with pytest.raises(SettingsError, match=r"no env\.forward_vel_weight that it could raise"):
        resolve_trial(vocabulary, stage=1)


def test_a_mini_batch_beyond_the_rollout_is_an_error(vocabulary: Vocabulary) -> None:
    injected = {"ppo_n_steps": "32", "ppo_batch_size": "512"}

    trial = resolve_trial(vocabulary, stage=1, n_envs=16, injected=injected)
    assert trial.hyperparameters["batch_size"] == 512
    with pytest.raises(SettingsError, match="batch_size 512 is larger than a rollout of 256"):
        resolve_trial(vocabulary, stage=1, n_envs=8, injected=injected)
    with pytest.raises(SettingsError, match="batch_size 512 is larger than a rollout of 300"):
        resolve_trial(vocabulary, stage=1, n_envs=16, timesteps=300, injected=injected)


@pytest.mark.parametrize(
    ("injected", "complaint"),
    [
        ({"ppo_gamma": "high"}, "--ppo_gamma: 'high' is not a number"),
        ({"ppo_gama": "1"}, "--ppo_gama: unknown parameter for ppo"),
        ({"env_horizon_s": "3"}, "--env_horizon_s: 'horizon_s' defines the task"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(
    vocabulary: Vocabulary, injected: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        resolve_trial(vocabulary, stage=1, injected=injected)

    assert str(caught.value).startswith(complaint)


def test_a_stage_that_is_not_there_is_an_error(vocabulary: Vocabulary) -> None:
    with pytest.raises(SettingsError, match="--stage 4: velociraptor has no such stage"):
        resolve_trial(vocabulary, stage=4)


def test_long_warm_up_and_ramp_are_shortened_in_proportion() -> None:
    curriculum, notes = fitted({"warmup_timesteps": 300, "ramp_timesteps": 2_700}, 1_000)

    assert curriculum == {"warmup_timesteps": 50, "ramp_timesteps": 450}
    assert "shortened to warm-up 50 and ramp 450" in notes[0]


def test_shares_of_the_budget_are_obeyed() -> None:
    shares = {"warmup_fraction": 0.2, "ramp_fraction": 0.8}

    assert fitted(shares, 1_000) == (shares, ())
    with pytest.raises(SettingsError, match="add up to more than 1"):
        fitted({**shares, "ramp_fraction": 0.9}, 1_000)


@given(warmup=st.integers(0, 10**7), ramp=st.integers(0, 10**7), timesteps=st.integers(1, 10**7))
def test_fitted_lengths_fit_and_fitting_again_changes_nothing(
    warmup: int, ramp: int, timesteps: int
) -> None:
    curriculum, notes = fitted({"warmup_timesteps": warmup, "ramp_timesteps": ramp}, timesteps)

    assert sum(lengths_of(curriculum, timesteps).values()) <= timesteps // 2
    assert bool(notes) == (warmup + ramp > timesteps // 2)
    assert fitted(curriculum, timesteps) == (curriculum, ())
