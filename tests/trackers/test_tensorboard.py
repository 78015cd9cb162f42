"""Event files, read back by TensorBoard's own reader."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from mesosweep.domain.errors import ExtraMissing
from mesosweep.testing.tracker import (
    Points,
    TrackerSuite,
    a_trial,
    an_evaluation,
    an_order,
)
from mesosweep.trackers.tensorboard import FOLDER, tensorboard


def read(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder / FOLDER), purge_orphaned_data=True)
    accumulator.Reload()
    return accumulator


class TestTensorBoard(TrackerSuite):
    tracker = staticmethod(tensorboard)

    def points(self, folder: Path) -> Points:
        found = read(folder)
        return {
            name: {event.step: event.value for event in found.Scalars(name)}
            for name in found.Tags()["scalars"]
        }


def test_a_lost_process_leaves_no_evaluation_twice(tmp_path: Path) -> None:
    with tensorboard(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))
        track.evaluated(an_evaluation(40, 2.0))
    with tensorboard(an_order(tmp_path, step=30)) as track:
        track.evaluated(an_evaluation(40, 2.0))

    assert [event.step for event in read(tmp_path).Scalars("eval/mean_reward")] == [20, 40]


def test_metrics_success_and_the_result_have_curves_of_their_own(tmp_path: Path) -> None:
    with tensorboard(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0, success=0.5))
        track.ended(a_trial(reward=5.0))

    names = read(tmp_path).Tags()["scalars"]
    assert {"eval/forward_velocity", "eval/success_rate", "eval/full_length_rate"} <= set(names)
    (panel,) = read(tmp_path).Scalars("result/panel_mean_reward")
    assert (panel.step, panel.value) == (20, 5.0)


def test_the_table_of_hyperparameters_knows_every_parameter(tmp_path: Path) -> None:
    with tensorboard(an_order(tmp_path)) as track:
        track.evaluated(an_evaluation(20, 1.0))
        track.ended(a_trial())

    content = read(tmp_path).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    told = HParamsPluginData.FromString(content).session_start_info.hparams
    assert told["count.gain"].number_value == 0.5
    assert told["env.on"].number_value == 1.0
    assert told["species"].string_value == "counting"


def test_without_the_package_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)

    with pytest.raises(ExtraMissing) as caught, tensorboard(an_order(tmp_path)):
        pass

    assert "mesosweep[tensorboard]" in str(caught.value.hint)
