"""`render`: files that show an animal, from a checkpoint that was hardly trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from imageio import v3 as iio

from mesosweep.plugins import SPECIES, Registry
from mesosweep.testing.command import Mesosweep, Said

RAPTOR = "velociraptor"
TRIAL = (
    *("trial", "--species", RAPTOR, "--timesteps", "256", "--n-envs", "4", "--eval-freq", "256"),
    *("--eval-episodes", "1", "--panel-episodes", "1"),
    *("--override", "env.horizon_s=0.4", "ppo.batch_size=64"),
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        RAPTOR not in Registry().names(SPECIES), reason="no animal with a body is installed"
    ),
]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "trials"


@pytest.fixture
def trained(mesosweep: Mesosweep, here: Path, kept: Path) -> str:
    """A trial's folder below the present one; trained once for all tests."""
    if not kept.exists():
        assert mesosweep(*TRIAL).code == 0
        shutil.copytree("trials", kept)
    else:
        shutil.copytree(kept, "trials")
    return "trials/local"


def drawn(said: Said) -> Said:
    if "Cannot draw without a screen" in said.err:
        assert "libegl1" in said.err
        pytest.skip(said.error)
    assert said.code == 0, said.err
    return said


def test_a_video_is_made_here_unless_somebody_says_where(
    mesosweep: Mesosweep, here: Path, trained: str
) -> None:
    said = drawn(mesosweep("render", trained, "--size", "64x48"))

    assert (here / "velociraptor-stage1.mp4").stat().st_size > 0
    assert "seed 0: horizon after 0.4 s, reward " in said.out
    assert "velociraptor-stage1.mp4: 11 pictures, 25 a second" in said.out


def test_a_strip_has_its_rows_and_columns(mesosweep: Mesosweep, here: Path, trained: str) -> None:
    words = ("--out", "strip.png", "--size", "64x48", "--frames", "5", "--columns", "3")

    drawn(mesosweep("render", trained, *words, "--every", "0.04", "--camera", "quarter"))

    assert iio.imread("strip.png").shape[:2] == (2 * 48, 3 * 64)


def test_an_animation_shows_several_episodes(
    mesosweep: Mesosweep, here: Path, trained: str
) -> None:
    words = ("--out", "a.gif", "--size", "64x48", "--seed", "3", "--episodes", "2")

    said = drawn(mesosweep("render", trained, *words))

    assert [line.split(":")[0] for line in said.out.splitlines()[:2]] == ["seed 3", "seed 4"]
    assert "12.5 a second" in said.out


def test_a_camera_that_is_not_there_is_told_from_those_that_are(
    mesosweep: Mesosweep, trained: str
) -> None:
    said = mesosweep("render", trained, "--out", "a.png", "--camera", "quater")

    assert said.code == 2
    assert "no camera 'quater'" in said.error
    assert "Did you mean 'quarter'?" in said.err
