"""A hearing in this process: told to stop, it ends at once and leaves nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from mesosweep.records.layout import TrialFolder
from mesosweep.records.verified import Hearing, read_verified
from mesosweep.worker.judging import main
from mesosweep.worker.request import TrialRequest
from mesosweep.worker.trial import run_trial


@pytest.fixture
def hearing(tmp_path: Path) -> Hearing:
    trial = run_trial(
        TrialRequest(
            species="counting",
            algorithm="count",
            stage=1,
            timesteps=40,
            eval_freq=20,
            output_dir=tmp_path,
            trial_id="1",
        )
    )
    assert trial.checkpoint is not None
    words = ("--species=counting", "--algorithm=count", "--stage=1", "--timesteps=40")
    arguments = ("trial", *words, f"--output-dir={tmp_path}")
    return Hearing(arguments, "1", trial.checkpoint.uri, episodes=20, default=None)


def test_told_to_stop_it_ends_at_the_next_control_step_and_writes_nothing(
    hearing: Hearing, tmp_path: Path
) -> None:
    before = (tmp_path / "1" / "metrics.json").read_bytes()
    asked: list[int] = []

    def stop() -> bool:
        asked.append(0)
        return len(asked) == 50

    code = main([json.dumps(asdict(hearing))], stop)

    assert code == 130
    assert len(asked) == 50
    assert read_verified(tmp_path / "1", hearing) is None
    assert (tmp_path / "1" / "metrics.json").read_bytes() == before


def test_it_is_held_again_from_its_beginning(hearing: Hearing, tmp_path: Path) -> None:
    main([json.dumps(asdict(hearing))], lambda: True)

    assert main([json.dumps(asdict(hearing))], lambda: False) == 0

    verified = read_verified(TrialFolder(tmp_path / "1").path, hearing)
    assert verified is not None
    assert verified.winner.episodes == 20
