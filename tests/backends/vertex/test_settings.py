"""Machines, accelerators and what else a user may say of a job, checked before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mesosweep.backends.vertex.machines import ALIASES, accelerator, misfit
from mesosweep.backends.vertex.notes import notes_on
from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.domain.errors import SettingsError
from mesosweep.domain.study import Study

SETTINGS = JobSettings(project="my-project", image="host/repo/trainer:1")


class TestAccelerators:
    @pytest.mark.parametrize("text", [None, "None", "none", ""])
    def test_none_is_cpu_only(self, text: str | None) -> None:
        assert accelerator(text) is None

    def test_every_alias_of_the_page_has_its_name(self) -> None:
        assert {alias: accelerator(alias) for alias in ALIASES} == {
            "T4": "NVIDIA_TESLA_T4",
            "V100": "NVIDIA_TESLA_V100",
            "A100": "NVIDIA_TESLA_A100",
            "L4": "NVIDIA_L4",
        }

    def test_one_that_is_newer_than_our_table_passes(self) -> None:
        assert accelerator("NVIDIA_X999") == "NVIDIA_X999"
        assert misfit("x9-standard-8", "NVIDIA_X999", 3) is None

    def test_a_slip_is_met_with_the_nearest_name(self) -> None:
        with pytest.raises(SettingsError) as caught:
            accelerator("V10")

        assert "Did you mean 'V100'?" in (caught.value.hint or "")

    @pytest.mark.parametrize(
        ("machine", "name", "count"),
        [
            ("n1-standard-8", "NVIDIA_TESLA_T4", 1),
            ("n1-highmem-16", "NVIDIA_TESLA_V100", 8),
            ("g2-standard-8", "NVIDIA_L4", 1),
            ("g2-standard-48", "NVIDIA_L4", 4),
            ("a2-highgpu-1g", "NVIDIA_TESLA_A100", 1),
            ("e2-standard-4", None, 1),
        ],
    )
    def test_what_goes_together(self, machine: str, name: str | None, count: int) -> None:
        assert misfit(machine, name, count) is None

    @pytest.mark.parametrize(
        ("machine", "name", "count", "told"),
        [
            ("e2-standard-4", "NVIDIA_TESLA_T4", 1, "1, 2 or 4 on n1-*"),
            ("n1-standard-8", "NVIDIA_TESLA_T4", 3, "1, 2 or 4 on n1-*"),
            ("n1-standard-8", "NVIDIA_L4", 1, "g2-standard-4"),
            ("g2-standard-48", "NVIDIA_L4", 1, "4 on g2-standard-48"),
            ("g2-standard-8", None, 1, "must be named"),
        ],
    )
    def test_what_does_not_and_what_would(
        self, machine: str, name: str | None, count: int, told: str
    ) -> None:
        assert told in (misfit(machine, name, count) or "")


class TestJobSettings:
    def test_the_default_is_one_cpu_machine_in_iowa(self) -> None:
        assert (SETTINGS.machine_type, SETTINGS.accelerator_type) == ("n1-standard-8", None)
        assert SETTINGS.parent == "projects/my-project/locations/us-central1"
        assert SETTINGS.strategy == "STANDARD"

    def test_a_machine_that_cannot_take_the_accelerator_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="does not take") as caught:
            replace(SETTINGS, machine_type="e2-standard-4", accelerator_type="T4")

        assert "--any-machine" in (caught.value.hint or "")
        assert "2026" in (caught.value.hint or "")

    def test_unless_the_user_knows_better_than_our_table(self, study: Study) -> None:
        bold = replace(
            SETTINGS, machine_type="e2-standard-4", accelerator_type="T4", any_machine=True
        )

        assert any("Sent all the same" in note for note in notes_on(study, bold))

    @pytest.mark.parametrize(
        "change",
        [
            {"project": "My Project"},
            {"project": ""},
            {"image": "trainer"},
            {"image": ""},
            {"location": "Iowa"},
            {"machine_type": "big"},
            {"accelerator_count": 0},
            {"accelerator_count": 2},
            {"max_failed_trials": 0},
            {"service_account": "trainer"},
            {"network": "default"},
            {"labels": {"mesosweep_study": "x"}},
            {"labels": {"Team": "x"}},
            {"labels": {"team": "a b"}},
            {"labels": {"1team": "x"}},
        ],
    )
    def test_what_the_service_would_refuse_is_refused_here_with_the_flags_name(
        self, change: dict[str, Any]
    ) -> None:
        with pytest.raises(SettingsError, match=r"^--") as caught:
            replace(SETTINGS, **change)

        assert "\n" not in str(caught.value)


class TestNotes:
    def test_a_gpu_that_nobody_uses_is_told_first(self, study: Study) -> None:
        notes = notes_on(study, replace(SETTINGS, accelerator_type="T4"))

        assert notes[0] == (
            "1 × NVIDIA_TESLA_T4 is paid for and idle: networks are computed on the CPU; "
            "--device cuda uses it."
        )
        assert not any("idle" in n for n in notes_on(replace(study, device="cuda"), SETTINGS))

    def test_a_key_in_the_job_is_warned_of_and_never_printed(self, study: Study) -> None:
        notes = notes_on(study, replace(SETTINGS, secrets={"WANDB_API_KEY": "0123456789"}))

        assert any("WANDB_API_KEY travels in the job in clear" in note for note in notes)
        assert not any("0123456789" in note for note in notes)

    def test_that_the_default_trial_is_left_out_is_said(self, study: Study) -> None:
        notes = notes_on(replace(study, default={"count_gain": 0.5}), SETTINGS)

        assert any("not tried as trial 0" in note for note in notes)

    def test_a_sampler_that_is_not_asked_is_named(self, study: Study) -> None:
        assert any(
            "--sampler random" in n for n in notes_on(replace(study, sampler="random"), SETTINGS)
        )

    def test_the_limit_of_a_trial_is_told(self, study: Study) -> None:
        assert "longer than 1 h" in notes_on(study, SETTINGS)[-1]


class TestPlaintext:
    """`http://` is for a rehearsal on this machine, where nothing is billed."""

    @pytest.mark.parametrize(
        "endpoint", ["http://127.0.0.1:80", "http://localhost:80", "http://[::1]:80"]
    )
    def test_a_server_of_this_machine_is_a_rehearsal(self, endpoint: str) -> None:
        assert replace(SETTINGS, endpoint=endpoint).is_rehearsed

    @pytest.mark.parametrize("endpoint", [None, "https://127.0.0.1", "127.0.0.1:443"])
    def test_what_is_encrypted_is_the_service(self, endpoint: str | None) -> None:
        assert not replace(SETTINGS, endpoint=endpoint).is_rehearsed

    @pytest.mark.parametrize(
        "endpoint", ["http://10.0.0.1:80", "http://127.0.0.1.example.org", "http://"]
    )
    def test_another_machine_is_not_spoken_to_in_the_clear(self, endpoint: str) -> None:
        with pytest.raises(SettingsError, match="plaintext is for a server of this machine only"):
            replace(SETTINGS, endpoint=endpoint)
