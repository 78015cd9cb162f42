"""Feet, the clock they are to keep to, and the book of their landings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.errors import PluginError
from mesosweep.ports import Batch
from mesosweep.terms import Feet, Foot
from mesosweep.terms.footfalls import Footfalls
from mesosweep.testing.batch import made_up

DT = 0.02


def foot(name: str, offset: float = 0.0) -> Foot:
    loads = (f"{name}_heel", f"{name}_toe")
    return Foot(name, loads=loads, sole=name, rest_m=0.02, geoms=(name,), offset=offset)


BIPED = Feet((foot("left"), foot("right", 0.5)), stance_n=5.0)
WALK = Feet(
    (
        *(foot("hind_left"), foot("front_left", 0.25)),
        *(foot("hind_right", 0.5), foot("front_right", 0.75)),
    ),
    stance_n=5.0,
)


# ── now ──────────────────────────────────────────────────────────────────────


def test_the_load_is_the_mean_over_physics_steps_of_what_all_parts_feel() -> None:
    felt = {"left_heel": [[[4.0], [0.0]]], "left_toe": [[[4.0], [4.0]]]}
    nothing = {name: [[[0.0], [0.0]]] for name in ("right_heel", "right_toe")}
    batch = made_up(sensors={**felt, **nothing})

    np.testing.assert_allclose(BIPED.load(batch), [[6.0, 0.0]])
    assert BIPED.standing(batch).tolist() == [[True, False]]


def test_opposite_feet_are_those_of_the_other_side() -> None:
    assert BIPED.opposite == (1, 0)
    assert WALK.opposite == (2, 3, 0, 1)


def clocked(
    feet: Feet, step: int, *, duty: float = 0.5, hz: float = 2.5, lift: float = 0.1, **others: Any
) -> Batch:
    batch = made_up(
        dt=DT,
        steps=[step],
        settings={"gait_hz": hz, "gait_duty": duty, "gait_lift_m": lift},
        memory={name: np.zeros((1, width)) for name, width in feet.memory.items()},
        **others,
    )

    class First:
        def integers(self, low: int, high: int) -> int:
            del high
            return low

    rng: Any = First()  # Any: of a generator only what is asked
    feet.begin(batch, 0, rng)
    return batch


def test_the_clock_runs_for_each_foot_with_its_offset() -> None:
    np.testing.assert_allclose(BIPED.phase(clocked(BIPED, 5)), [[0.25, 0.75]])
    np.testing.assert_allclose(WALK.phase(clocked(WALK, 5)), [[0.25, 0.5, 0.75, 0.0]], atol=1e-6)


@given(st.integers(0, 10_000))
def test_rounding_never_decides_whether_a_stance_has_ended(step: int) -> None:
    wanted = BIPED.wanted(clocked(BIPED, step))[0]

    # 20 steps make a stride; the left foot stands for the first ten, the right for the others.
    assert wanted.tolist() == [step % 20 < 10, step % 20 >= 10]


def standing(stands: Sequence[bool]) -> dict[str, Any]:
    names = ("left", "right")
    heels = {f"{name}_heel": [[10.0 * s]] for name, s in zip(names, stands, strict=True)}
    return {**heels, **{f"{name}_toe": [[0.0]] for name in names}}


@pytest.mark.parametrize(
    ("stands", "paid"), [((True, False), 1.0), ((True, True), 0.0), ((False, True), -1.0)]
)
def test_the_gait_pays_for_feet_that_do_as_the_clock_asks(stands: Any, paid: float) -> None:
    batch = clocked(BIPED, 3, sensors=standing(stands))

    assert BIPED.gait(batch).tolist() == [paid]


def test_only_feet_that_are_to_swing_are_paid_for_height() -> None:
    heights = {"left": [[0.0, 0.0, 0.3]], "right": [[0.0, 0.0, 0.07]]}

    assert BIPED.clearance(clocked(BIPED, 3, sensors=heights)) == pytest.approx([0.5])
    assert BIPED.clearance(clocked(BIPED, 13, sensors=heights)) == pytest.approx([1.0])
    assert BIPED.clearance(clocked(BIPED, 3, lift=0.2, sensors=heights)) == pytest.approx([0.25])


def test_the_mirror_image_hears_the_clock_half_a_stride_ahead() -> None:
    assert BIPED.half_stride == WALK.half_stride == 0.5
    together = Feet((foot("left"), foot("right")), stance_n=5.0)
    assert together.half_stride == 0.0


def test_a_gait_without_a_mirror_image_is_refused() -> None:
    limping = Feet((foot("left"), foot("right", 0.3)), stance_n=5.0)

    with pytest.raises(PluginError, match=r"half a stride.*\[0.0, 0.3\]"):
        _ = limping.half_stride


# ── footfalls ────────────────────────────────────────────────────────────────


def played(*feet: str, dt: float = DT) -> tuple[float, float, float]:
    """Play strips of `#` (stands) and `.` (swings), one character a step.

    Returns landings, the share that alternated, the share that hopped.
    """
    book = Footfalls((1, 0) if len(feet) == 2 else (1, 0, 3, 2))
    memory = {name: np.zeros((1, width)) for name, width in book.memory.items()}
    begun = made_up(dt=dt, memory=memory)
    book.begin(begun, 0)
    for step, column in enumerate(zip(*feet, strict=True), start=1):
        batch = made_up(dt=dt, memory=memory, steps=[step])
        batch.memory.update(begun.memory)  # type: ignore[attr-defined]  # one book for all steps
        book.keep(batch, np.array([[mark == "#" for mark in column]]))
    told = {name: metric.value(begun)[0] for name, metric in book.metrics(lambda _: None).items()}
    return told["footfalls"], told["alternation"], told["hopping"]


def test_feet_that_take_turns_alternate() -> None:
    left = "##########......." * 3 + "###"
    right = "#......###########"[:10] + "#######" + "#......##########" * 2 + "###"

    landings, alternation, hopping = played(left, right)

    assert landings == 6
    assert alternation == 1.0
    assert hopping == 0.0


def test_a_contact_that_chatters_is_no_step() -> None:
    chatter = "###.##..###...##.####.....##"

    assert played(chatter, "#" * len(chatter)) == (0.0, 0.0, 0.0)


def test_a_swing_of_a_good_tenth_of_a_second_is_a_step() -> None:
    assert played("##......##", "##########")[0] == 1.0
    assert played("##.....###", "##########")[0] == 0.0


def test_one_foot_that_steps_alone_does_not_alternate() -> None:
    limp = "##......" * 5 + "##"

    landings, alternation, _ = played(limp, "#" * len(limp))

    assert landings == 5
    assert alternation == 0.0


def test_both_feet_at_once_hop() -> None:
    hop = "##........" * 4 + "##"

    landings, alternation, hopping = played(hop, hop)

    assert landings == 8
    assert alternation == 0.0
    assert hopping == 1.0


def test_nearly_at_once_is_a_hop_too() -> None:
    one = "##........" * 4 + "####"

    assert played(one, "##" + one[:-2])[2] == 1.0
    assert played(one, "####" + one[:-4])[2] == 0.0


def test_four_feet_alternate_in_pairs() -> None:
    step = "##........##########"
    trot = (step * 3, step[10:] + step * 2 + step[:10], step[10:] + step * 2 + step[:10], step * 3)

    landings, alternation, hopping = played(*trot)

    assert landings == 10
    assert alternation == 1.0
    assert hopping == 0.0


def test_a_statue_makes_no_footfall_and_does_not_alternate() -> None:
    assert played("#" * 100, "#" * 100) == (0.0, 0.0, 0.0)


def test_the_mirror_images_book_has_left_and_right_changed() -> None:
    book = Footfalls((1, 0))
    batch = made_up(
        memory={
            "stood_s": [[1, 2]],
            "landed_s": [[3, 4]],
            "turn": [[0, 1]],
            "footfalls": [[7, 5, 1]],
        }
    )

    book.reflect(batch, 0)

    assert batch.memory["stood_s"].tolist() == [[2, 1]]
    assert batch.memory["turn"].tolist() == [[1, 0]]
    assert batch.memory["footfalls"].tolist() == [[7, 5, 1]]
