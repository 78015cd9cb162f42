"""Commands that only look: plan, plugins, stages, doctor."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from mesosweep import __version__
from mesosweep.cli import checks
from mesosweep.testing.command import Mesosweep

COUNTING = ("--species", "counting", "--algorithm", "count")


def test_a_plan_tells_every_value_and_who_said_it(mesosweep: Mesosweep, here: Path) -> None:
    said = mesosweep("plan", *COUNTING, "--trials-stage1", "7", "--no-check")

    assert said.code == 0
    assert "7 flag" in said.out
    assert "count_gain" in said.out
    assert "unmeasured" in said.out
    assert list(here.iterdir()) == []


def test_a_checked_plan_tells_how_long_it_takes(mesosweep: Mesosweep) -> None:
    words = ("plan", *COUNTING, "--timesteps", "100", "--json")

    checked = json.loads(mesosweep(*words).out)
    unchecked = json.loads(mesosweep(*words, "--no-check").out)

    for stage in checked["stages"]:
        assert stage["estimated_s"] > 0
        assert stage["corners_built"] >= 2
        assert stage["judging_share"] > 0
    assert unchecked["stages"][0]["estimated_s"] is None
    assert checked["fingerprint"] == unchecked["fingerprint"]


def test_a_plan_of_one_stage_is_the_plan_of_its_launch(mesosweep: Mesosweep) -> None:
    told = json.loads(mesosweep("plan", *COUNTING, "--stage", "2", "--no-check", "--json").out)

    assert [stage["stage"] for stage in told["stages"]] == [2]


def test_evidence_blocks_of_a_plan_do_not_meet(mesosweep: Mesosweep) -> None:
    told = json.loads(mesosweep("plan", *COUNTING, "--no-check", "--json").out)

    blocks = sorted(tuple(b) for stage in told["stages"] for b in stage["seeds"].values())
    assert all(end < start for (_, end), (start, _) in pairwise(blocks))


def test_plugins_are_listed_by_kind(mesosweep: Mesosweep) -> None:
    told = json.loads(mesosweep("plugins", "--json").out)

    rows = {(row["kind"], row["name"]): row for row in told["plugins"]}
    assert ("species", "counting") in rows
    assert ("backend", "local") in rows
    assert rows["algorithm", "ppo"]["problem"] is None
    assert rows["algorithm", "ppo"]["summary"]
    assert "counting" in mesosweep("plugins").out


def test_a_broken_plugin_is_one_red_row(
    mesosweep: Mesosweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "broken_dino-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-dino\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mesosweep.species]\ndodo = no_such_module:SPECIES\n")
    monkeypatch.syspath_prepend(str(site))

    listed = mesosweep("plugins")
    asked = mesosweep("stages", "list", "dodo")

    assert listed.code == 0
    (row,) = [line for line in listed.out.splitlines() if "broken" in line]
    assert "dodo" in row
    assert "no_such_module" in row
    assert asked.code == 2
    assert "'dodo' from broken-dino cannot be loaded" in asked.error
    assert mesosweep("stages", "list", "counting").code == 0


def test_stages_are_listed_and_shown(mesosweep: Mesosweep) -> None:
    listed = json.loads(mesosweep("stages", "list", "counting", "--json").out)
    shown = json.loads(mesosweep("stages", "show", "counting", "1", "--json").out)

    assert [stage["stage"] for stage in listed["stages"]][:1] == [1]
    assert shown["stages"] == listed["stages"][:1]
    assert shown["stages"][0]["name"] in mesosweep("stages", "list", "counting").out
    assert "env.horizon" in mesosweep("stages", "show", "counting", "1").out


def test_exported_stages_are_used_as_they_are(mesosweep: Mesosweep, here: Path) -> None:
    exported = mesosweep("stages", "export", "counting", "mine")

    assert exported.code == 0
    assert all(Path(line).is_file() for line in exported.out.splitlines())
    own, mine = (
        json.loads(mesosweep("stages", "list", "counting", *more, "--json").out)
        for more in ((), ("--stage-dir", "mine"))
    )
    assert own == mine
    assert "already there" in mesosweep("stages", "export", "counting", "mine").error


def test_the_version_is_told(mesosweep: Mesosweep) -> None:
    assert mesosweep("--version").out == f"mesosweep {__version__}\n"


class TestDoctor:
    """`doctor` says what is amiss and what to do about it."""

    @pytest.fixture(autouse=True)
    def _no_drawing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checks, "_drawn", lambda backend: None)

    def test_a_fit_machine_is_exit_0(self, mesosweep: Mesosweep) -> None:
        told = json.loads(mesosweep("doctor", "--json").out)

        by_name = {check["check"]: check for check in told["checks"]}
        assert by_name["Python"]["mark"] == "ok"
        assert by_name["output folder"]["mark"] == "ok"
        assert mesosweep("doctor").code == 0

    def test_a_missing_package_is_a_fault_with_its_fix(
        self, mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = checks._version
        monkeypatch.setattr(checks, "_version", lambda p: None if p == "torch" else found(p))

        said = mesosweep("doctor")

        assert said.code == 1
        assert "torch missing" in said.out
        assert "pip install 'mesosweep[train]'" in said.out

    def test_a_full_disk_is_a_fault(
        self, mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(checks, "_LEAST_FREE", 1 << 80)

        assert mesosweep("doctor").code == 1

    def test_a_library_that_draws_only_with_another_setting_is_a_warning(
        self, mesosweep: Mesosweep, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("MUJOCO_GL", raising=False)
        monkeypatch.setattr(checks, "_drawn", lambda gl: None if gl == "osmesa" else "no display")

        said = mesosweep("doctor")

        assert said.code == 0
        assert "export MUJOCO_GL=osmesa" in said.out
