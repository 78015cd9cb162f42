"""A checkpoint opened after its training: judged on the ground that its trial was judged on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mesosweep.domain.errors import CheckpointDamaged, SettingsError, UsageError
from mesosweep.domain.score import Score
from mesosweep.plugins import Registry
from mesosweep.worker.checkpoint import Asked, Opened, open_checkpoint
from mesosweep.worker.evaluating import play, yardsticks
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.trial import run_trial


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial's folder whose stage was judged on other settings than those installed."""
    return tmp_path_factory.mktemp("trials") / "3"


@pytest.fixture
def policy(trained: Path, tmp_path: Path) -> Path:
    if not trained.exists():
        run_trial(
            TrialRequest(
                species="counting",
                algorithm="count",
                stage=1,
                timesteps=40,
                eval_freq=20,
                seed=7,
                panel_episodes=5,
                overrides=("env.noise=2.0",),
                injected={"env_action_weight": "9"},
                output_dir=trained.parent,
                trial_id="3",
            )
        )
    shutil.copytree(trained, tmp_path / "3")
    return tmp_path / "3" / "models" / "best_model.zip"


def opened(policy: Path, **asked: object) -> Opened:
    return open_checkpoint(policy, Asked(**asked), registry=Registry())  # type: ignore[arg-type]


def test_it_is_judged_as_its_trial_was_and_says_where_that_differs(policy: Path) -> None:
    found = opened(policy)

    assert found.reference["noise"] == 2.0
    assert "env.noise" not in " ".join(found.notes)
    (note,) = found.notes
    assert "noise: " in note
    assert "--stage 1 takes the installed one" in note


def test_weights_that_were_searched_change_nothing_about_it(policy: Path) -> None:
    assert opened(policy).reference["action_weight"] != 9


def test_its_own_panel_is_scored_as_the_sweep_scored_it(policy: Path) -> None:
    record = json.loads((policy.parents[1] / "metrics.json").read_text())
    found = opened(policy)

    again = Score.of(play(found, found.evidence("panel", 5)))

    assert again.mean_reward == record["panel_mean_reward"]
    assert again.std_reward == record["panel_std_reward"]


def test_a_stage_that_is_named_is_taken_as_it_is_installed(policy: Path) -> None:
    found = opened(policy, stage=2)

    assert found.stage.number == 2
    assert found.reference == found.stage.env
    assert found.notes == ()


def test_an_override_moves_the_ground(policy: Path) -> None:
    assert opened(policy, overrides=("env.noise=0.5",)).reference["noise"] == 0.5


def test_without_its_record_it_is_judged_on_its_stage(policy: Path) -> None:
    (policy.parents[1] / "stage_config.json").unlink()
    found = opened(policy)

    assert found.reference == found.stage.env
    with pytest.raises(UsageError, match="not known"):
        found.evidence("test", 5)


def test_a_bundle_that_says_nothing_of_itself_can_be_told(policy: Path) -> None:
    manifest = policy.with_name("best_model.manifest.json")
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "meta": {}}))

    with pytest.raises(UsageError, match="of which species"):
        opened(policy)
    found = opened(policy, species="counting", algorithm="count", stage=1)

    assert found.species.name == "counting"


def test_a_stage_that_is_not_there_is_named(policy: Path) -> None:
    with pytest.raises(SettingsError, match="stage 9"):
        opened(policy, stage=9)


def test_a_damaged_bundle_is_not_played(policy: Path) -> None:
    policy.write_text("{}")

    with pytest.raises(CheckpointDamaged):
        opened(policy)


def test_yardsticks_play_the_same_episodes(policy: Path) -> None:
    found = opened(policy)

    known = yardsticks(found, range(5, 9))

    assert set(known) == {"zero", "random"}
    assert all(score.episodes == 4 for score in known.values())
    assert known["zero"].mean_reward < Score.of(play(found, range(5, 9))).mean_reward
