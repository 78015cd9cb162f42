"""The two pictures are PNG files, at any number of trials and whatever state they are in."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from mesosweep.domain.errors import ExtraMissing
from mesosweep.report.results.collecting import collect
from mesosweep.report.results.plots import write_plots
from mesosweep.testing.sweeps import MadeUp, make_up_sweep


def size_of(png: Path) -> tuple[int, int]:
    content = png.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@pytest.mark.slow
@pytest.mark.parametrize("trials", [3, 20])
def test_both_pictures_are_drawn(tmp_path: Path, trials: int) -> None:
    pytest.importorskip("matplotlib")
    rows = collect(make_up_sweep(tmp_path, MadeUp(trials=trials)))

    metrics, parameters = write_plots(tmp_path, rows)

    assert metrics.name == "sweep_trial_metrics.png"
    assert parameters.name == "sweep_hyperparameter_analysis.png"
    assert size_of(metrics) == (1680, 1260)
    assert size_of(parameters)[1] > 1000


def test_trials_without_any_result_are_drawn_too(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "stage1" / "1").mkdir(parents=True)

    assert len(write_plots(tmp_path, collect(tmp_path))) == 2


def test_without_matplotlib_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.startswith("mesosweep.report.results._")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib.artist", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    (tmp_path / "stage1" / "1").mkdir(parents=True)

    with pytest.raises(ExtraMissing, match="needs matplotlib") as error:
        write_plots(tmp_path, collect(tmp_path))

    assert "mesosweep[report]" in (error.value.hint or "")
