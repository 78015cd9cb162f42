from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mesosweep.domain.errors import PluginError, SettingsError
from mesosweep.domain.score import Gate
from mesosweep.plugins import Registry, Species
from mesosweep.settings.stages import export_stages, load_curriculum

Animal = Callable[..., Species]

MINIMAL = 'name = "balance"\ntimesteps = 10\n'


def test_a_species_stages_are_read_from_its_package(raptor: Species, shelf: Registry) -> None:
    curriculum = load_curriculum(raptor, registry=shelf)

    assert [stage.name for stage in curriculum.stages] == ["balance", "locomotion", "behaviour"]
    balance = curriculum.stage(1)
    assert (balance.timesteps, balance.n_envs) == (500_000, 8)
    assert balance.env["push_strength"] == 4.0
    assert balance.env_train == {"push_strength": 2.0}
    assert balance.algorithms["ppo"]["n_steps"] == 1024
    assert balance.gate == Gate(min_avg_reward=100.0, min_avg_episode_length=900)
    assert curriculum.stage(2).curriculum == {
        "warmup_timesteps": 100_000,
        "warmup_clip_range": 0.02,
        "ramp_fraction": 0.25,
        "ramp_start_value": 0.2,
    }


def test_layer_widths_are_kept_as_text(animal: Animal, shelf: Registry) -> None:
    text = MINIMAL + "[ppo]\nnet_arch = [64, 32]\n"
    species = animal("allo", files={"stage1_balance.toml": text})

    assert load_curriculum(species, registry=shelf).stage(1).algorithms["ppo"] == {
        "net_arch": "[64, 32]"
    }


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        (MINIMAL + "[env]\nalive_bonos = 1", "env → alive_bonos: unknown", "'alive_bonus'"),
        (MINIMAL + "[env.train]\nalive_bonus = 1", "env.train → alive_bonus: unknown", "none"),
        (MINIMAL + "[pppo]\ngamma = 1", "pppo: unknown key", "'ppo'"),
        (MINIMAL + "[curriculum]\nwarmup = 1", "curriculum → warmup: unknown key", "warmup_"),
        (MINIMAL + "[curriculum.gate]\nreward = 1", "gate → reward: unknown key", "min_avg_reward"),
        (MINIMAL + "descriptoin = 'x'", "descriptoin: unknown key", "'description'"),
        ("timesteps = 10", "name: missing", None),
        ('name = "balance"\ntimesteps = "10"', "timesteps: should be a valid integer", None),
        ('name = "balance"\ntimesteps = 0', "timesteps: should be greater", None),
        ('name = "walk"\ntimesteps = 1', "name: 'walk' is not the file's name", None),
        (MINIMAL + "[env]\nalive_bonus = nan", "env → alive_bonus: must be a finite", None),
        (MINIMAL + "[env]\nalive_bonus = [1, 2]", "env → alive_bonus: must be a finite", None),
        (MINIMAL + "env = 3", "env: should be a valid dict", None),
        (MINIMAL + "ppo = 3", "ppo: must be a table", None),
        (MINIMAL + "x = ?", "Invalid value (at line 3", None),
        (
            MINIMAL + "[curriculum]\nramp_fraction = 0.1\nramp_timesteps = 5",
            "curriculum: holds ramp_timesteps and ramp_fraction",
            None,
        ),
        (MINIMAL + "[curriculum]\nramp_fraction = 1.5", "ramp_fraction: should be less", None),
    ],
)
def test_a_fault_in_a_stage_file_is_named(
    animal: Animal, shelf: Registry, text: str, complaint: str, hint: str | None
) -> None:
    species = animal("allo", files={"stage1_balance.toml": text})

    with pytest.raises(SettingsError) as caught:
        load_curriculum(species, registry=shelf)

    assert "paper_allo:stages/stage1_balance.toml" in str(caught.value)
    assert complaint in str(caught.value)
    assert hint is None or hint in str(caught.value.hint)


def test_stages_must_have_no_gap(animal: Animal, shelf: Registry) -> None:
    with pytest.raises(SettingsError, match=r"numbered 1, 2, 3, … \(got \[1, 3\]\)"):
        load_curriculum(animal("allo", files={"stage2_locomotion.toml": None}), registry=shelf)


def test_a_stage_has_one_file(animal: Animal, shelf: Registry) -> None:
    twice = {"stage1_again.toml": 'name = "again"\ntimesteps = 1'}

    with pytest.raises(SettingsError, match="another file for stage 1"):
        load_curriculum(animal("allo", files=twice), registry=shelf)


def test_a_file_of_another_name_is_no_stage(animal: Animal, shelf: Registry) -> None:
    with pytest.raises(SettingsError, match=r"are named stage<N>_<name>\.toml"):
        load_curriculum(animal("allo", files={"balance.toml": MINIMAL}), registry=shelf)


def test_a_species_without_its_folder_is_a_broken_plugin(raptor: Species, shelf: Registry) -> None:
    with pytest.raises(PluginError, match="cannot read its stages 'nowhere:stages'"):
        load_curriculum(replace(raptor, stages="nowhere:stages"), registry=shelf)


def test_a_folder_that_is_not_there_is_said(
    raptor: Species, shelf: Registry, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_curriculum(raptor, tmp_path / "none", registry=shelf)


def test_exported_stages_are_the_species_own(
    raptor: Species, shelf: Registry, tmp_path: Path
) -> None:
    written = export_stages(raptor, tmp_path / "mine")

    assert [path.name for path in written] == [
        "stage1_balance.toml",
        "stage2_locomotion.toml",
        "stage3_behaviour.toml",
    ]
    assert load_curriculum(raptor, tmp_path / "mine", registry=shelf) == load_curriculum(
        raptor, registry=shelf
    )


def test_exporting_overwrites_nothing(raptor: Species, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "stage2_locomotion.toml").write_text("mine")

    with pytest.raises(SettingsError, match="already there"):
        export_stages(raptor, tmp_path / "mine")

    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["stage2_locomotion.toml"]


def test_the_digest_follows_content_not_prose(
    raptor: Species, shelf: Registry, tmp_path: Path
) -> None:
    before = load_curriculum(raptor, registry=shelf).digest
    file = export_stages(raptor, tmp_path / "mine")[0]
    text = file.read_text()

    file.write_text("# a remark\n" + text.replace("Stand.", "Stand still."))
    assert load_curriculum(raptor, tmp_path / "mine", registry=shelf).digest == before

    file.write_text(text.replace("alive_bonus = 1.0", "alive_bonus = 2.0"))
    assert load_curriculum(raptor, tmp_path / "mine", registry=shelf).digest != before
