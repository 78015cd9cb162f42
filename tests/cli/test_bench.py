"""`mesosweep bench`, with real processes and an animal that costs nothing."""

from __future__ import annotations

import json
import shlex

import pytest

from mesosweep.testing.command import Mesosweep

COUNTING = ("--species", "counting", "--algorithm", "count")


@pytest.mark.slow
def test_it_measures_advises_and_is_heard_by_the_plan(mesosweep: Mesosweep) -> None:
    said = mesosweep("bench", *COUNTING, "--quick", "--json")

    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert (told["version"], told["species"], told["stage"]) == (1, "counting", 1)
    assert all(pace["training_steps_per_s"] > 0 for pace in told["environments"])
    assert told["processes"][0]["share_of_alone"] == 1.0
    assert told["processes"][0]["memory_bytes_each"] > 10**6
    advice = told["advice"]
    assert advice["parallel"] in [side["processes"] for side in told["processes"]]
    assert "in training" in said.err

    plan = mesosweep(*shlex.split(advice["next"])[1:], "--no-check", "--json")
    shares = [stage["share_of_alone"] for stage in json.loads(plan.out)["stages"]]
    assert all(share is not None for share in shares)


def test_it_measures_nothing_of_what_there_is_not(mesosweep: Mesosweep) -> None:
    assert "No species was named" in mesosweep("bench").error
    assert mesosweep("bench", "--species", "countin").code == 2
    assert "no such stage" in mesosweep("bench", *COUNTING, "--stage", "9").error
