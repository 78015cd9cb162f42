"""What goes wrong in a rehearsal is data, and goes wrong alike in every run of a seed."""

from __future__ import annotations

from typing import Any

import pytest

from mesosweep.domain.errors import SettingsError
from mesosweep.rehearsal.faults import CallFault, Faults, FaultScript, Preemption, check_methods


def played(script: FaultScript, method: str, calls: int) -> list[bool]:
    faults = Faults(script)
    return [faults.meet(method) is not None for _ in range(calls)]


def test_without_a_script_nothing_goes_wrong() -> None:
    assert not any(played(FaultScript(), "GetCustomJob", 50))


def test_the_nth_call_of_a_method_goes_wrong_and_no_other() -> None:
    script = FaultScript(calls=(CallFault("GetCustomJob", call=3, times=2),))

    assert played(script, "GetCustomJob", 5) == [False, False, True, True, False]
    assert not any(played(script, "ListCustomJobs", 5))


def test_calls_are_counted_by_method() -> None:
    faults = Faults(FaultScript(calls=(CallFault("*", call=2),)))

    assert faults.meet("GetCustomJob") is None
    assert faults.meet("ListCustomJobs") is None
    assert faults.meet("GetCustomJob") is not None


def test_chance_hits_about_as_many_calls_as_it_says_and_the_same_ones_again() -> None:
    script = FaultScript(seed=3, calls=(CallFault("Get*", probability=0.2),))

    first = played(script, "GetCustomJob", 500)

    assert 60 < sum(first) < 140
    assert played(script, "GetCustomJob", 500) == first
    other = FaultScript(seed=4, calls=script.calls)
    assert played(other, "GetCustomJob", 500) != first


def test_what_was_met_is_remembered() -> None:
    fault = CallFault("GetCustomJob", call=1, code="ABORTED")
    faults = Faults(FaultScript(calls=(fault,)))

    faults.meet("GetCustomJob")

    assert faults.met == [("GetCustomJob", 1, fault)]


def test_a_preemption_hits_the_trial_job_and_start_that_it_names() -> None:
    hit = Preemption(trial="2", job="raptor*", after_s=5.0, go=2)
    faults = Faults(FaultScript(preemptions=(hit,)))

    assert faults.preemption(job="raptor 1", trial_id="2", run_id="9", go=2) == hit
    assert faults.preemption(job="raptor 1", trial_id="2", run_id="9", go=1) is None
    assert faults.preemption(job="raptor 1", trial_id="1", run_id="9", go=2) is None
    assert faults.preemption(job="trex 1", trial_id="2", run_id="9", go=2) is None


def test_a_script_is_read_from_json() -> None:
    script = FaultScript.read(
        {
            "seed": 7,
            "calls": [{"method": "Create*", "call": 1, "lost_reply": True}],
            "preemptions": [{"trial": "2", "after_reports": 1}],
            "late_listing_s": 5,
            "quota": 4,
        }
    )

    assert script == FaultScript(
        7,
        (CallFault("Create*", call=1, lost_reply=True),),
        (Preemption("2", after_reports=1),),
        5,
        4,
    )


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"sede": 1}, "sede"),
        ({"calls": [{"method": "Get*"}]}, "either call or probability"),
        ({"calls": [{"call": 1, "code": "UNAVAILBLE"}]}, "UNAVAILBLE"),
        ({"calls": [{"call": 0}]}, "count from 1"),
        ({"calls": [{"probability": 2}]}, r"\[0, 1\]"),
        ({"preemptions": [{"trial": "1"}]}, "after_s or after_reports"),
    ],
)
def test_a_script_that_cannot_be_is_refused(entries: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        FaultScript.read(entries)


def test_a_fault_of_no_method_is_refused_with_the_nearest_name() -> None:
    script = FaultScript(calls=(CallFault("GetCustumJob", call=1),))

    with pytest.raises(SettingsError, match="GetCustumJob") as refused:
        check_methods(script, ("GetCustomJob", "ListCustomJobs"))

    assert refused.value.hint is not None
    assert "GetCustomJob" in refused.value.hint
