"""What `bench` prints."""

from __future__ import annotations

import io

from rich.console import Console

from mesosweep.report.bench import bench_document, bench_view, next_command
from mesosweep.report.summary import show
from mesosweep.settings.advice import Measurement, Pace, SideBySide, advise

FOUND = Measurement(
    own_envs=64,
    side_envs=16,
    cores=2,
    memory_bytes=8 * 10**9,
    paces=(Pace(16, 30_000.0, 12_000.0), Pace(64, 32_000.0, 8_000.0)),
    sides=(SideBySide(1, 12_000.0, 4 * 10**8), SideBySide(2, 10_800.0, 4 * 10**8)),
)
ADVICE = advise(FOUND, {"n_steps": 32, "batch_size": 64})
NEXT = next_command("velociraptor", "ppo", ADVICE, own_envs=64)


def test_it_ends_with_the_advice_its_reasons_and_the_next_command() -> None:
    console = Console(file=io.StringIO(), width=100)
    show(console, bench_view(FOUND, ADVICE, title="velociraptor · ppo", next_command=NEXT))
    file = console.file
    assert isinstance(file, io.StringIO)
    told = file.getvalue()

    assert "2 cores, 8.0 GB free" in told
    assert "--n-envs 16 --parallel 2" in told
    assert "n_envs 16 trains 1.50 times as fast as the stage's own 64." in told
    assert "60% of the time" in told
    assert "90%" in told
    assert told.rstrip().endswith(NEXT)


def test_the_next_command_is_a_plan_as_advised() -> None:
    assert NEXT == (
        "mesosweep plan --species velociraptor --algorithm ppo --n-envs 16 --parallel 2 "
        "--override ppo.n_steps=128"
    )


def test_programs_are_told_the_same() -> None:
    told = bench_document(FOUND, ADVICE, of={"species": "velociraptor"}, next_command=NEXT)

    assert told["environments"][0] == {
        "n_envs": 16,
        "env_steps_per_s": 30_000.0,
        "training_steps_per_s": 12_000.0,
    }
    assert told["processes"][1]["share_of_alone"] == 0.9
    assert told["advice"]["hyperparameters"] == {"n_steps": 128}
    assert told["advice"]["next"] == NEXT
