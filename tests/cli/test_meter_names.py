"""Names of quota meters, letter for letter, as Google's answers and pages have them.

`doctor` asks for a meter by name and the rehearsed cloud answers by name; each makes its names by
itself, so this table stands between them. A name here was read in an answer of the real service,
or on a page of its documentation, and is no work of either.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesosweep.backends.vertex.settings import JobSettings
from mesosweep.cli.quotas import needs_of
from mesosweep.rehearsal.meters import taken_by

SETTINGS = JobSettings(project="my-project", image="host/repo/trainer:1", any_machine=True)
"""Whether machine and accelerator go together is asked elsewhere."""

CPUS = [
    ("n1-standard-8", False, "custom_model_training_cpus"),
    ("n1-highmem-16", False, "custom_model_training_cpus"),
    ("e2-standard-4", False, "custom_model_training_cpus"),
    ("n2-highmem-16", False, "custom_model_training_n2_cpus"),
    ("c2-standard-16", False, "custom_model_training_c2_cpus"),
    ("g2-standard-8", False, "custom_model_training_g2_cpus"),
    ("n1-standard-8", True, "custom_model_training_preemptible_cpus"),
    ("e2-standard-4", True, "custom_model_training_preemptible_cpus"),
]
GPUS = [
    ("n1-standard-4", "NVIDIA_TESLA_T4", False, "custom_model_training_nvidia_t4_gpus"),
    ("n1-standard-4", "NVIDIA_TESLA_K80", False, "custom_model_training_nvidia_k80_gpus"),
    ("n1-standard-4", "NVIDIA_TESLA_P4", False, "custom_model_training_nvidia_p4_gpus"),
    ("g2-standard-8", "NVIDIA_L4", False, "custom_model_training_nvidia_l4_gpus"),
    ("a2-highgpu-1g", "NVIDIA_TESLA_A100", False, "custom_model_training_nvidia_a100_gpus"),
    ("a2-ultragpu-1g", "NVIDIA_A100_80GB", False, "custom_model_training_nvidia_a100_80gb_gpus"),
    ("a3-highgpu-8g", "NVIDIA_H100_80GB", False, "custom_model_training_nvidia_h100_gpus"),
    ("n1-standard-4", "NVIDIA_TESLA_T4", True, "custom_model_training_preemptible_nvidia_t4_gpus"),
    ("g2-standard-8", "NVIDIA_L4", True, "custom_model_training_preemptible_nvidia_l4_gpus"),
    (
        *("a2-highgpu-1g", "NVIDIA_TESLA_A100", True),
        "custom_model_training_preemptible_nvidia_a100_gpus",
    ),
    (
        *("a3-highgpu-8g", "NVIDIA_H100_80GB", True),
        "custom_model_training_preemptible_nvidia_h100_gpus",
    ),
]


@pytest.mark.parametrize(("machine", "spot", "meter"), CPUS)
def test_cpus_count_on_the_meter_of_their_family(machine: str, *, spot: bool, meter: str) -> None:
    cpus = int(machine.rpartition("-")[2])
    settings = replace(SETTINGS, machine_type=machine, accelerator_type=None, spot=spot)

    assert [(need.meter, need.each) for need in needs_of(settings)] == [(meter, cpus)]
    assert taken_by(machine, is_spot=spot) == {meter: cpus}


@pytest.mark.parametrize(("machine", "accelerator", "spot", "meter"), GPUS)
def test_accelerators_count_on_a_meter_of_their_own(
    machine: str, accelerator: str, *, spot: bool, meter: str
) -> None:
    settings = replace(
        SETTINGS,
        machine_type=machine,
        accelerator_type=accelerator,
        accelerator_count=2,
        spot=spot,
    )

    _, gpus = needs_of(settings)

    assert (gpus.meter, gpus.each) == (meter, 2)
    assert taken_by(machine, accelerator, 2, is_spot=spot)[meter] == 2
