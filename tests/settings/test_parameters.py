from __future__ import annotations

from collections.abc import Callable

import pytest

from mesosweep.algorithms.sb3 import PPO
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter
from mesosweep.plugins import Registry, Species
from mesosweep.settings.parameters import Vocabulary, injected_prefixes
from mesosweep.settings.stages import load_curriculum

Animal = Callable[..., Species]


def where(name: str) -> str:
    return f"x.json: stage1 → {name}"


def refused(vocabulary: Vocabulary, **parameters: Parameter) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        vocabulary.space(parameters, where)
    return caught.value


def test_a_name_says_where_its_value_goes(vocabulary: Vocabulary) -> None:
    places = [
        vocabulary.parameter(name, where="x")
        for name in ("ppo_learning_rate", "env_alive_bonus", "curriculum_ramp_timesteps")
    ]

    assert [place.dotted for place in places] == [
        "ppo.learning_rate",
        "env.alive_bonus",
        "curriculum.ramp_timesteps",
    ]
    assert [place.kind for place in places] == ["float", "float", "int"]


def test_a_misspelt_name_is_met_with_the_nearest(vocabulary: Vocabulary) -> None:
    error = refused(vocabulary, ppo_gama=Double(0, 1))

    assert str(error) == "x.json: stage1 → ppo_gama: unknown parameter for ppo."
    assert str(error.hint).startswith("Did you mean 'ppo_gamma'? Known: ppo_")


@pytest.mark.parametrize("name", ["env_alive_bonos", "alive_bonus", "curriculum_gate.min_reward"])
def test_every_unknown_name_is_refused(vocabulary: Vocabulary, name: str) -> None:
    assert "unknown parameter" in str(refused(vocabulary, **{name: Double(0, 1)}))


def test_another_algorithms_parameter_is_told_from_a_misspelt_one(vocabulary: Vocabulary) -> None:
    error = refused(vocabulary, sac_gamma=Double(0, 1))

    assert "it belongs to sac" in str(error)


@pytest.mark.parametrize("name", ["env_horizon_s", "env_strike_radius", "env_bite_radius"])
def test_the_task_is_not_for_sale(vocabulary: Vocabulary, name: str) -> None:
    error = refused(vocabulary, **{name: Double(1, 2)})

    assert "defines the task of velociraptor; a sweep may not touch it" in str(error)
    assert "horizon" not in str(refused(vocabulary, env_horizn=Double(1, 2)).hint)


@pytest.mark.parametrize("written", ["strike", "bite", "food", "food_reach", "task"])
def test_every_task_word_means_the_species_own_term(
    animal: Animal, shelf: Registry, written: str
) -> None:
    species = animal("trex", "bite")
    vocabulary = Vocabulary.of(species, PPO, load_curriculum(species, registry=shelf), shelf)

    space, notes = vocabulary.space({f"env_{written}_bonus": Double(1, 9)}, where)

    assert list(space) == ["env_bite_bonus"]
    if written == "bite":
        assert notes == ()
    else:
        assert notes == (f"env_{written}_bonus means env_bite_bonus for trex.",)


def test_two_names_of_one_term_are_an_error(vocabulary: Vocabulary) -> None:
    error = refused(vocabulary, env_task_bonus=Double(1, 9), env_bite_bonus=Double(1, 9))

    assert str(error) == (
        "x.json: stage1 → env_bite_bonus: sets the same as env_task_bonus (env_strike_bonus); "
        "remove one of them."
    )


def test_two_forms_of_one_length_are_an_error(vocabulary: Vocabulary) -> None:
    error = refused(
        vocabulary,
        curriculum_ramp_timesteps=Integer(1, 9),
        curriculum_ramp_fraction=Double(0.1, 0.2),
    )

    assert "sets the same as curriculum_ramp_timesteps" in str(error)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("ppo_batch_size", Double(64, 512)),
        ("ppo_n_steps", Discrete((64, 128.5))),
        ("ppo_net_arch", Categorical(("small", "enormous"))),
        ("ppo_gamma", Categorical(("0.9", "0.99"))),
    ],
)
def test_a_parameter_must_be_of_its_settings_kind(
    vocabulary: Vocabulary, name: str, parameter: Parameter
) -> None:
    assert f"→ {name}: " in str(refused(vocabulary, **{name: parameter}))


def test_a_weight_that_is_written_whole_is_a_number(vocabulary: Vocabulary) -> None:
    space, _ = vocabulary.space({"env_posture_weight": Double(0.5, 3)}, where)

    assert list(space) == ["env_posture_weight"]


def test_a_stage_files_unknown_hyperparameter_is_an_error(animal: Animal, shelf: Registry) -> None:
    text = 'name = "balance"\ntimesteps = 10\n[ppo]\ngama = 0.9'
    species = animal("allo", files={"stage1_balance.toml": text})
    curriculum = load_curriculum(species, registry=shelf)

    with pytest.raises(SettingsError) as caught:
        Vocabulary.of(species, PPO, curriculum, shelf)

    assert "stage1 → ppo: unknown key for ppo" in str(caught.value)
    assert "Did you mean 'gamma'?" in str(caught.value.hint)


def test_injected_names_may_begin_with_any_installed_algorithm(shelf: Registry) -> None:
    assert injected_prefixes(shelf) == ("ppo", "sac", "env", "curriculum")
