"""An episode is played first and drawn afterwards, and the file is whole or not there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from imageio import v3 as iio

from mesosweep.domain.curriculum import Stage
from mesosweep.domain.errors import ExtraMissing, StoreError, UsageError
from mesosweep.envs.ground import open_ground, random_policy
from mesosweep.envs.no_picture import NoPicture
from mesosweep.plugins import ALGORITHMS, Registry, Species
from mesosweep.records.bundle import Bundle
from mesosweep.worker.checkpoint import Opened
from mesosweep.worker.evaluating import play
from mesosweep.worker.film import write_gif, write_mp4, write_png
from mesosweep.worker.rendering import Look, Recording, draw, record, spread, strip

LOOK = Look(96, 64)
DOT = np.full((64, 96, 3), 200, np.uint8)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The hopper, with a policy that nobody trained."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "envs"))
    from hopper_species import HOPPER
    from hopper_species.plant import SETTINGS

    return hand_made(HOPPER, SETTINGS)


def hand_made(species: Species, settings: Any) -> Opened:
    ground = open_ground(species, reference=settings, training=settings)
    return Opened(
        bundle=Bundle(Path("best_model.zip"), 0, {}),
        species=species,
        algorithm=Registry().get(ALGORITHMS, "ppo"),
        stage=Stage(1, "balance", "", 100, settings),
        reference=settings,
        ground=ground,
        policy=random_policy(ground, 3),
        sweep_seed=None,
    )


def pictures(opened: Opened, recording: Recording, look: Look = LOOK) -> list[Any]:
    try:
        return list(draw(opened, recording.moments[::20], look))
    except NoPicture as reason:
        pytest.skip(str(reason))


def test_the_episode_of_a_seed_is_the_one_that_is_evaluated(opened: Opened) -> None:
    recording = record(opened, 5)

    (evaluated,) = play(opened, [5])
    assert recording.episode == evaluated
    assert len(recording.moments) == evaluated.length + 1


def test_pictures_show_what_moved(opened: Opened) -> None:
    drawn = pictures(opened, record(opened, 5))

    assert {picture.shape for picture in drawn} == {(64, 96, 3)}
    assert not np.array_equal(drawn[0], drawn[-1])


def test_a_camera_that_is_not_there_is_named(opened: Opened) -> None:
    with pytest.raises(UsageError, match="no camera 'front'"):
        pictures(opened, record(opened, 5), replace(LOOK, camera="front"))


def test_an_env_that_draws_nothing_is_told_how(opened: Opened) -> None:
    from hopper_species import POLE

    blind = replace(opened, species=replace(POLE, make_env=f"{__name__}:make_blind_pole"))
    sys.modules.setdefault(__name__, sys.modules[make_blind_pole.__module__])

    with pytest.raises(UsageError, match="draws no pictures"):
        record(blind, 0)


def test_an_env_that_draws_itself_is_shown(opened: Opened) -> None:
    from hopper_species import POLE

    seen = replace(opened, species=replace(POLE, make_env=f"{__name__}:make_drawn_pole"))
    sys.modules.setdefault(__name__, sys.modules[make_drawn_pole.__module__])
    seen = replace(
        seen, reference={"gravity": 9.0, "horizon_s": 0.2}, policy=lambda seen: seen[:, :1]
    )

    recording = record(seen, 0)

    assert recording.episode.reason == "horizon"
    assert len(list(draw(seen, recording.moments, LOOK))) == recording.episode.length + 1


def make_blind_pole(settings: Any, *, render_mode: str | None = None) -> Any:
    from hopper_species.pole import Pole

    return Pole({"gravity": 9.0, "horizon_s": 1.0})


def make_drawn_pole(settings: Any, *, render_mode: str | None = None) -> Any:
    from hopper_species.pole import Pole

    pole = Pole(settings)
    pole.render = lambda: DOT  # type: ignore[method-assign]  # all that is needed of it
    return pole


@pytest.mark.parametrize(
    ("count", "wanted", "places"), [(10, 4, (0, 3, 6, 9)), (3, 8, (0, 1, 2)), (5, 1, (0,))]
)
def test_pictures_are_spread_from_the_first_to_the_last(
    count: int, wanted: int, places: tuple[int, ...]
) -> None:
    assert spread(count, wanted) == places


def test_a_strip_is_filled_up_with_white() -> None:
    drawn = strip([DOT, DOT, DOT], columns=2)

    assert drawn.shape == (128, 192, 3)
    assert (drawn[64:, 96:] == 255).all()


def test_a_video_and_an_animation_can_be_read_again(tmp_path: Path) -> None:
    def some() -> Iterator[Any]:
        for shade in range(0, 250, 25):
            yield np.full((64, 96, 3), shade, np.uint8)

    assert write_mp4(tmp_path / "a.mp4", some(), fps=25) == 10
    assert write_gif(tmp_path / "a.gif", some(), fps=12.5) == 10

    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "a.mp4"))
    assert (frames, round(seconds, 2)) == (10, 0.4)
    assert iio.imread(tmp_path / "a.gif").shape[0] == 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "a.mp4"]


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[Any]:
        yield DOT
        raise NoPicture("the screen went away")

    with pytest.raises(NoPicture):
        write_mp4(tmp_path / "a.mp4", broken(), fps=25)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(StoreError, match="cannot be written"):
        write_png(tmp_path / "taken" / "a.png", DOT)


def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)

    with pytest.raises(ExtraMissing) as caught:
        write_png(tmp_path / "a.png", DOT)

    assert "mesosweep[report]" in str(caught.value.hint)
