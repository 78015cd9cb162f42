from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from mesosweep.domain.errors import PluginNotFound, SettingsError
from mesosweep.domain.plan import SweepPlan, differences
from mesosweep.domain.space import Discrete, Double
from mesosweep.plugins import SPECIES, Registry, Species
from mesosweep.settings.flags import Flags
from mesosweep.settings.parameters import Vocabulary
from mesosweep.settings.plan import plan_launch, plan_sweep
from mesosweep.settings.stages import export_stages

RAPTOR = Flags(species="velociraptor")
GAMMA = '{"ppo_gamma": {"type": "double", "min": 0.9, "max": 0.99}}'

Planner = Callable[..., SweepPlan]


@pytest.fixture
def plan(shelf: Registry) -> Planner:
    def make(
        flags: Flags = RAPTOR, environ: Mapping[str, str] | None = None, cores: int = 8
    ) -> SweepPlan:
        return plan_sweep(flags, registry=shelf, environ=environ or {}, cores=cores)

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    def make(text: str) -> str:
        (tmp_path / "x.json").write_text(text)
        return str(tmp_path / "x.json")

    return make


Write = Callable[[str], str]


def test_another_body_is_another_plan(plan: Planner, raptor: Species) -> None:
    before = plan().comparables
    folder = Path(str(files(raptor.stages.partition(":")[0])))

    (folder / "rewards.py").write_text("POSTURE = 2.0")
    after = plan().comparables

    assert before["species_code"] != after["species_code"]
    assert {k: v for k, v in before.items() if k != "species_code"} == {
        k: v for k, v in after.items() if k != "species_code"
    }


def test_a_name_alone_is_a_plan(plan: Planner) -> None:
    made = plan()

    assert (made.algorithm, made.backend, made.sampler) == ("ppo", "local", "tpe")
    assert made.root == "sweeps/velociraptor/ppo"
    assert made.sweep_key == "sweep_state_velociraptor_ppo"
    assert [(s.number, s.name, s.warm_starts) for s in made.stages] == [
        (1, "balance", False),
        (2, "locomotion", True),
        (3, "behaviour", True),
    ]
    balance, locomotion, _ = made.stages
    assert (balance.trials, balance.parallel) == (20, 5)
    assert (balance.settings.timesteps, balance.settings.n_envs) == (500_000, 8)
    assert locomotion.settings.n_envs == 4
    assert (balance.settings.eval_freq, balance.settings.seed) == (10_000, 42)
    assert list(balance.space) == [
        "ppo_learning_rate",
        "ppo_ent_coef",
        "ppo_batch_size",
        "ppo_gamma",
        "ppo_n_steps",
    ]
    assert made.notes == ()


def test_flag_beats_environment_beats_file_beats_species_beats_default(
    plan: Planner, write: Write
) -> None:
    file = write('{"stage1": {"n_envs": 2}}')
    environ = {"MESOSWEEP_N_ENVS": "3"}

    said = [
        plan(replace(RAPTOR, search_space_file=file, n_envs=5), environ),
        plan(replace(RAPTOR, search_space_file=file), environ),
        plan(replace(RAPTOR, search_space_file=file)),
        plan(),
    ]

    assert [p.stages[0].settings.n_envs for p in said] == [5, 3, 2, 8]
    assert [p.origins["stage1.n_envs"] for p in said] == [
        "flag",
        "environment MESOSWEEP_N_ENVS",
        f"file {file}",
        "species",
    ]
    assert (said[3].stages[1].settings.n_envs, said[3].origins["stage2.n_envs"]) == (4, "default")


def test_a_flag_for_one_stage_beats_the_flag_for_all_and_both_beat_the_file(
    plan: Planner, write: Write
) -> None:
    file = write('{"stage1": {"trials": 10}, "stage2": {"trials": 11}}')
    flags = replace(RAPTOR, search_space_file=file, trials_stage={1: 15})

    assert [s.trials for s in plan(flags).stages] == [15, 11, 20]
    assert [s.trials for s in plan(replace(flags, trials=30)).stages] == [15, 30, 30]


def test_the_environment_may_speak_of_one_stage(plan: Planner) -> None:
    made = plan(environ={"MESOSWEEP_TIMESTEPS_STAGE2": "5000", "MESOSWEEP_TIMESTEPS": "50000"})

    assert [s.settings.timesteps for s in made.stages] == [50_000, 5_000, 50_000]


@pytest.mark.parametrize(
    ("flags", "environ", "complaint"),
    [
        (Flags(), {}, "No species was named"),
        (RAPTOR, {"MESOSWEEP_TRIALS": "many"}, "MESOSWEEP_TRIALS: must be a whole number of at"),
        (replace(RAPTOR, trials=0), {}, "--trials: must be a whole number of at least 1 (got 0)"),
        (replace(RAPTOR, panel_episodes=10_001), {}, "panel_episodes must be at most 10,000"),
        (replace(RAPTOR, trials_stage={4: 2}), {}, "--trials-stage4: velociraptor has no stage 4"),
        (replace(RAPTOR, on_gate_fail="go"), {}, "--on-gate-fail: unknown value 'go'"),
        (RAPTOR, {"MESOSWEEP_HANDOFF": "last"}, "MESOSWEEP_HANDOFF: unknown value 'last'"),
        (replace(RAPTOR, trial_timeout_s=0), {}, "--trial-timeout: must be a number of seconds"),
        (RAPTOR, {"MESOSWEEP_TRUST": "perhaps"}, "'perhaps' is neither true nor false"),
        (replace(RAPTOR, search_space="{"), {}, "--search-space:1:2: is not JSON"),
        (replace(RAPTOR, search_space_file="none.json"), {}, "none.json: No such file"),
        (replace(RAPTOR, enqueue="none.json"), {}, "none.json: No such file"),
        (replace(RAPTOR, load="none.zip"), {}, "--load none.zip: no such file"),
        (replace(RAPTOR, stage_dir="none"), {}, "No such file"),
        (replace(RAPTOR, timesteps=100), {}, "batch_size 512 is larger than a rollout of 100"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    plan: Planner, flags: Flags, environ: Mapping[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        plan(flags, environ)

    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "flags",
    [
        Flags(species="velocirapter"),
        replace(RAPTOR, algorithm="dqn"),
        replace(RAPTOR, backend="moon"),
        replace(RAPTOR, sampler="grid"),
        replace(RAPTOR, trackers=("mlflow",)),
    ],
)
def test_a_plugin_that_is_not_there_is_said(plan: Planner, flags: Flags) -> None:
    with pytest.raises(PluginNotFound):
        plan(flags)


def test_a_block_for_a_stage_that_is_not_there_is_an_error(plan: Planner, write: Write) -> None:
    with pytest.raises(SettingsError, match="stage4: velociraptor has no stage 4"):
        plan(replace(RAPTOR, search_space_file=write('{"stage4": {"trials": 1}}')))


def test_an_unknown_parameter_is_named_with_its_place(plan: Planner, write: Write) -> None:
    text = f'{{"stage2": {GAMMA.replace("gamma", "gama")}}}'
    with pytest.raises(SettingsError) as caught:
        plan(replace(RAPTOR, search_space_file=write(text)))

    assert str(caught.value).endswith("x.json: stage2 → ppo_gama: unknown parameter for ppo.")
    assert "Did you mean 'ppo_gamma'?" in str(caught.value.hint)


def test_an_inline_space_beats_the_files_and_keeps_its_job_settings(
    plan: Planner, write: Write
) -> None:
    text = '{"stage1": {"trials": 7, "ppo_n_epochs": {"type": "integer", "min": 1, "max": 9}}}'
    made = plan(replace(RAPTOR, search_space_file=write(text), search_space=GAMMA))

    assert [list(stage.space) for stage in made.stages] == [["ppo_gamma"]] * 3
    assert made.stages[0].trials == 7
    assert made.origins["stage1.space"] == "flag"


def test_a_file_caps_nothing_but_what_it_said_and_a_flag_is_obeyed(
    plan: Planner, write: Write
) -> None:
    file = replace(RAPTOR, search_space_file=write('{"trials": 9, "parallel": 6}'))

    capped = plan(file, cores=2)
    assert [s.parallel for s in capped.stages] == [2, 2, 2]
    assert [note for note in capped.notes if "one per core" in note] == list(capped.notes)
    assert len(capped.notes) == 1

    obeyed = plan(replace(file, parallel=6), cores=2)
    assert [s.parallel for s in obeyed.stages] == [6, 6, 6]
    assert obeyed.notes == ()

    elsewhere = plan(replace(file, backend="vertex"), cores=2)
    assert [s.parallel for s in elsewhere.stages] == [6, 6, 6]


def test_a_swept_network_fixes_the_later_stages(plan: Planner) -> None:
    space = (
        '{"ppo_net_arch": {"type": "categorical", "values": ["small", "deep"]},'
        + GAMMA.removeprefix("{")
    )
    made = plan(replace(RAPTOR, search_space=space))

    assert [list(s.space) for s in made.stages] == [
        ["ppo_net_arch", "ppo_gamma"],
        ["ppo_gamma"],
        ["ppo_gamma"],
    ]
    assert made.carried == {"ppo_net_arch"}
    assert "stage2: ppo_net_arch is not searched; the checkpoint" in made.notes[0]


def test_an_override_locks_a_searched_hyperparameter(plan: Planner) -> None:
    made = plan(replace(RAPTOR, overrides=("2.ppo.gamma=0.99", "env.alive_bonus=2")))

    assert ["ppo_gamma" in s.space for s in made.stages] == [True, False, True]
    assert made.notes == ("stage2: ppo_gamma is not searched; --override fixes it.",)
    assert made.stages[0].overrides == ("env.alive_bonus=2.0",)
    assert made.stages[1].overrides == ("env.alive_bonus=2.0", "ppo.gamma=0.99")


def test_with_everything_locked_nothing_is_left_to_search(plan: Planner) -> None:
    with pytest.raises(SettingsError, match="stage1: nothing is left to search"):
        plan(replace(RAPTOR, search_space=GAMMA, overrides=("ppo.gamma=0.9",)))


def test_the_first_trial_is_the_species_own_as_far_as_the_space_reaches(plan: Planner) -> None:
    balance, locomotion, _ = plan().stages

    assert balance.default == {
        "ppo_learning_rate": 3e-4,
        "ppo_batch_size": 64,
        "ppo_gamma": 0.99,
        "ppo_n_steps": 1024,
    }
    assert locomotion.default is not None
    assert locomotion.default["ppo_gamma"] == 0.98
    assert plan(replace(RAPTOR, no_default_trial=True)).stages[0].default is None


def test_the_default_trains_on_the_species_own_training_weights(plan: Planner) -> None:
    space = '{"env_posture_weight": {"type": "double", "min": 0.5, "max": 3}}'

    assert plan(replace(RAPTOR, search_space=space)).stages[0].default == {"env_posture_weight": 1}


def test_a_default_trial_that_does_not_fit_these_envs_takes_the_nearest_that_is_searched(
    plan: Planner, write: Write, animal: Callable[..., Species]
) -> None:
    text = """name = "balance"
timesteps = 500_000
n_envs = 32
[ppo]
n_steps = 64
batch_size = 512
"""
    animal(files={"stage1_balance.toml": text})

    own, paged = plan(), plan(replace(RAPTOR, n_envs=4))

    assert own.stages[0].default is not None
    assert "ppo_n_steps" not in own.stages[0].default
    assert paged.stages[0].default is not None
    assert paged.stages[0].default["ppo_n_steps"] == 1024
    assert paged.stages[0].default["ppo_batch_size"] == 512
    (note,) = paged.notes
    assert note.startswith("stage1: the default trial takes ppo_n_steps 1024; the species' own 64")


def test_known_points_are_checked_and_tried(plan: Planner, write: Write) -> None:
    file = write('{"stage1": [{"ppo_gamma": 0.95}]}')
    made = plan(replace(RAPTOR, search_space=GAMMA, enqueue=file))

    assert made.stages[0].enqueued == ({"ppo_gamma": 0.95},)
    assert made.stages[1].enqueued == ()

    file = write('[{"ppo_gamma": 0.5}]')
    with pytest.raises(SettingsError, match=r"x\.json: point 1: no point of stage1's space"):
        plan(replace(RAPTOR, search_space=GAMMA, enqueue=file))


def test_launch_is_a_sweep_of_its_own(shelf: Registry, write: Write) -> None:
    file = write(f'{{"stage2": {GAMMA}}}')
    flags = replace(RAPTOR, stage=2, search_space_file=file, output_dir="out/")

    made = plan_launch(flags, registry=shelf, environ={}, first_attempt=3, cores=8)

    assert [(s.number, s.warm_starts, list(s.space)) for s in made.stages] == [
        (2, False, ["ppo_gamma"])
    ]
    assert (made.root, made.first_attempt) == ("out/sweeps/velociraptor/ppo", 3)
    assert made.sweep_key == "sweep_state_velociraptor_ppo_stage2"
    with pytest.raises(SettingsError, match="--stage 4: velociraptor has no such stage"):
        plan_launch(replace(flags, stage=4), registry=shelf, environ={})


def test_steering_without_a_warm_start_is_said_to_change_nothing(shelf: Registry) -> None:
    space = '{"curriculum_ramp_timesteps": {"type": "discrete", "values": [100, 200]}}'
    flags = replace(RAPTOR, stage=2, search_space=space)

    made = plan_launch(flags, registry=shelf, environ={}, cores=8)

    assert "stage2: curriculum_ramp_timesteps change nothing" in made.notes[0]


def test_a_plan_says_which_end_of_a_schedule_counts(
    plan: Planner, bent: Vocabulary, write: Write
) -> None:
    told = "takes the place of the stage file's ppo_learning_rate_end_fraction = 0.2"
    file = write('{"stage1": {"ppo_learning_rate_end": {"type": "double", "min": 0, "max": 1}}}')

    by_flag = plan(replace(RAPTOR, overrides=("ppo.learning_rate_end=1e-5",)))
    by_file = plan(replace(RAPTOR, search_space_file=file))

    assert f"stage1: ppo_learning_rate_end (--override) {told}." in by_flag.notes
    assert f"stage1: ppo_learning_rate_end (file {file}) {told}." in by_file.notes
    assert not any("takes the place" in note for note in plan().notes)


def test_an_end_that_is_fixed_is_not_searched_in_the_other_spelling(
    plan: Planner, write: Write
) -> None:
    entry = '{"type": "double", "min": 0, "max": 1}'
    file = write(f'{{"ppo_learning_rate_end_fraction": {entry}, "ppo_gamma": {entry}}}')

    made = plan(replace(RAPTOR, search_space_file=file, overrides=("ppo.learning_rate_end=1e-5",)))

    assert list(made.stages[0].space) == ["ppo_gamma"]


def test_both_ends_of_one_schedule_cannot_be_searched(plan: Planner, write: Write) -> None:
    entry = '{"type": "double", "min": 0, "max": 1}'
    file = write(f'{{"ppo_ent_coef_end": {entry}, "ppo_ent_coef_end_fraction": {entry}}}')

    with pytest.raises(SettingsError, match="sets the same as ppo_ent_coef_end; remove one"):
        plan(replace(RAPTOR, search_space_file=file))


def test_a_loaded_checkpoint_warm_starts_the_first_stage(shelf: Registry, tmp_path: Path) -> None:
    models = tmp_path / "stage1" / "7" / "models"
    models.mkdir(parents=True)
    (models / "stage1_final.zip").write_bytes(b"weights")
    flags = replace(RAPTOR, stage=2, load=str(models / "stage1_final.zip"))

    made = plan_launch(flags, registry=shelf, environ={}, cores=8)

    assert made.load is not None
    assert (made.load.kind, made.load.trial_id) == ("final", "7")
    assert made.stages[0].warm_starts
    assert "ppo_net_arch" not in made.stages[0].space

    moved = tmp_path / "stage1_final.zip"
    moved.write_bytes(b"weights")
    again = plan_launch(replace(flags, load=str(moved)), registry=shelf, environ={}, cores=8)
    assert again.fingerprint == made.fingerprint
    moved.write_bytes(b"others!")
    other = plan_launch(replace(flags, load=str(moved)), registry=shelf, environ={}, cores=8)
    assert other.fingerprint != made.fingerprint

    # A bundle is more than its policy: the manifest names all of its parts.
    (tmp_path / "stage1_final.manifest.json").write_text("{}")
    whole = plan_launch(replace(flags, load=str(moved)), registry=shelf, environ={}, cores=8)
    assert whole.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    "flags",
    [
        replace(RAPTOR, trials=99),
        replace(RAPTOR, parallel=3),
        replace(RAPTOR, save_freq=1),
        replace(RAPTOR, trackers=("wandb",)),
        replace(RAPTOR, output_dir="elsewhere"),
        replace(RAPTOR, sampler="random"),
        replace(RAPTOR, resume=False),
        replace(RAPTOR, device="cuda"),
        replace(RAPTOR, backend="vertex"),
        replace(RAPTOR, select_by="best_mean_reward"),
        replace(RAPTOR, overrides=("1.ppo.n_steps=1024",), search_space=GAMMA),
    ],
)
def test_what_leaves_trials_comparable_leaves_the_fingerprint(plan: Planner, flags: Flags) -> None:
    same = plan(replace(RAPTOR, search_space=flags.search_space))

    assert plan(flags).fingerprint == same.fingerprint


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (replace(RAPTOR, timesteps_stage={2: 5_000}), "stages.2.settings.timesteps"),
        (replace(RAPTOR, n_envs=16), "stages.1.settings.n_envs"),
        (replace(RAPTOR, seed=1), "stages.1.settings.seed"),
        (replace(RAPTOR, eval_episodes=5), "stages.1.settings.eval_episodes"),
        (replace(RAPTOR, overrides=("env.alive_bonus=9",)), "stages.1.env.alive_bonus: 1.0 → 9.0"),
        (replace(RAPTOR, overrides=("3.ppo.n_epochs=4",)), "stages.3.hyperparameters.n_epochs"),
        (replace(RAPTOR, search_space=GAMMA), "stages.1.space.ppo_batch_size"),
        (replace(RAPTOR, handoff="final"), 'handoff: "best" → "final"'),
    ],
)
def test_what_makes_trials_differ_changes_the_fingerprint_and_can_be_named(
    plan: Planner, flags: Flags, named: str
) -> None:
    before, after = plan(), plan(flags)

    assert after.fingerprint != before.fingerprint
    assert any(
        line.startswith(named) for line in differences(after.comparables, before.comparables)
    )


def test_edited_stage_files_are_another_plan_and_copies_are_not(
    plan: Planner, shelf: Registry, tmp_path: Path
) -> None:
    files = export_stages(shelf.get(SPECIES, "velociraptor"), tmp_path / "mine")
    flags = replace(RAPTOR, stage_dir=str(tmp_path / "mine"))
    assert plan(flags).fingerprint == plan().fingerprint

    files[0].write_text(files[0].read_text().replace("alive_bonus = 1.0", "alive_bonus = 2.0"))
    assert plan(flags).fingerprint != plan().fingerprint


def test_comparables_can_be_saved(plan: Planner) -> None:
    comparables = plan().comparables

    assert json.loads(json.dumps(comparables, allow_nan=False)) == comparables


def test_planning_writes_nothing(
    plan: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)

    plan(replace(RAPTOR, output_dir="out"))
    with pytest.raises(SettingsError):
        plan(replace(RAPTOR, trials=0))

    assert list(empty.iterdir()) == []


def test_sac_is_planned_with_its_own_space(plan: Planner) -> None:
    made = plan(replace(RAPTOR, algorithm="sac"))

    assert dict(made.stages[0].space) == {
        "sac_learning_rate": Double(1e-5, 3e-4, "log"),
        "sac_batch_size": Discrete((128, 256, 512)),
        "sac_gamma": Double(0.97, 0.999),
    }
