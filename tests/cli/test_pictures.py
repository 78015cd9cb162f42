"""Which file a user means, how large its pictures are, and what is too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.cli.pictures import (
    ANIMATION,
    STRIP,
    VIDEO,
    check_fits,
    check_unsaid,
    kind_of,
    size_of,
)
from mesosweep.domain.errors import UsageError


@pytest.mark.parametrize(
    ("out", "kind"),
    [(None, VIDEO), ("a.mp4", VIDEO), ("a.GIF", ANIMATION), ("there/a.b.png", STRIP)],
)
def test_the_end_of_its_name_says_what_a_file_is(out: str | None, kind: object) -> None:
    assert kind_of(Path(out) if out else None) is kind


def test_pictures_are_as_large_as_was_asked_for() -> None:
    assert size_of(None, VIDEO) == (640, 480)
    assert size_of("63X47", STRIP) == (63, 47)


def test_sides_that_no_video_can_have_are_refused_with_those_beside_them() -> None:
    with pytest.raises(UsageError) as refused:
        size_of("641x479", VIDEO)

    assert "even numbers" in str(refused.value)
    assert refused.value.hint == "For example: --size 640x478"


def test_more_than_fits_into_memory_is_refused_before_it_is_drawn() -> None:
    check_fits(1_000, (320, 240))

    with pytest.raises(UsageError, match="1000 pictures of 4096x4096 are more than fit"):
        check_fits(1_000, (4096, 4096))


def test_only_flags_that_were_said_are_to_be_left_out() -> None:
    check_unsaid({"--size": None, "--fine": None}, why="it draws its own pictures")

    with pytest.raises(UsageError, match="--camera side: it draws its own pictures") as refused:
        check_unsaid(
            {"--size": None, "--camera": "side", "--fine": True}, why="it draws its own pictures"
        )

    assert refused.value.hint == "Leave out --camera, --fine."
