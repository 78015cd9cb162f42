"""Switches of what the real service does where no page says so."""

from __future__ import annotations

import pytest

from mesosweep.domain.errors import SettingsError
from mesosweep.rehearsal.__main__ import switches
from mesosweep.rehearsal.undocumented import OTHERWISE, Undocumented


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("numbers", "65", r'one of "64", "64.0" is expected \(got "65"\)'),
        ("arguments", "name value", r'one of "--name=value", "--name value" is expected'),
        ("cancelled_trial", "DEAD", 'one of "INFEASIBLE", "SUCCEEDED", "STOPPING", "ACTIVE"'),
        ("fails_after", "three", r'a whole number from 0 is expected \(got "three"\)'),
        ("max_restarts", -1, r"a whole number from 0 is expected \(got -1\)"),
        ("max_restarts", None, r"a whole number from 0 is expected \(got null\)"),
        ("cancelling_s", True, r"a number from 0 is expected \(got true\)"),
        ("study_stopping", 1, r"true or false is expected \(got 1\)"),
    ],
)
def test_a_value_that_no_switch_has_is_refused_and_not_passed_over(
    name: str, value: object, told: str
) -> None:
    with pytest.raises(SettingsError, match=f"undocumented: {name}: {told}"):
        switches({name: value})


def test_every_setting_that_a_switch_has_is_taken() -> None:
    assert switches({}) == Undocumented()
    assert switches({"fails_after": None, "cancelling_s": 5, "numbers": "64"}) == Undocumented(
        cancelling_s=5, numbers="64"
    )
    assert Undocumented() != OTHERWISE
