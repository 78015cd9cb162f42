"""The trainer image, as far as it can be built without a container engine.

The Dockerfile's own `COPY` and `pip install` lines are carried out in a fresh virtual
environment, and its entry point is run there with the words of a real trial.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.image


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (keyword, arguments), comments gone and lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    pairs = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    return [(keyword, rest) for keyword, rest in pairs]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what was copied, and `bin` of the environment that was installed."""
    place = tmp_path_factory.mktemp("image")
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    workdir = place / "opt"
    workdir.mkdir()
    environment = dict(os.environ)
    environment["PATH"] = f"{place / 'venv/bin'}{os.pathsep}{environment['PATH']}"
    environment.pop("PYTHONPATH", None)
    for keyword, rest in instructions():
        match keyword:
            case "ARG" | "ENV":
                # MUJOCO_GL names a library that only the image is sure to have.
                pairs = [pair.split("=", 1) for pair in shlex.split(rest)]
                environment |= {k: v for k, v in pairs if k != "MUJOCO_GL"}
            case "COPY":
                *sources, target = rest.split()
                for source in sources:
                    _copy(ROOT / source, workdir / target)
            case "RUN" if rest.startswith("pip install"):
                subprocess.run(["bash", "-euc", rest], cwd=workdir, env=environment, check=True)
            case _:
                pass
    return place


def _copy(source: Path, target: Path) -> None:
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
    if source.is_dir():
        shutil.copytree(source, target, ignore=skipped)
    else:
        shutil.copy(source, target / source.name if target.is_dir() else target)


def test_the_entry_point_runs_the_words_of_a_trial(image: Path, tmp_path: Path) -> None:
    entry = next(json.loads(rest) for keyword, rest in instructions() if keyword == "ENTRYPOINT")
    trial = ["trial", "--species=velociraptor", "--stage=1", "--algorithm=ppo"]
    small = ["--timesteps=256", "--n-envs=2", "--eval-episodes=2", "--panel-episodes=2"]
    injected = ["--ppo_n_steps=64", "--ppo_batch_size=64.0", f"--output-dir={tmp_path}"]

    subprocess.run(
        [image / "venv/bin" / entry[0], *entry[1:], *trial, *small, *injected],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "CLOUD_ML_TRIAL_ID": "7", "OMP_NUM_THREADS": "1"},
    )

    metrics = json.loads((tmp_path / "7" / "metrics.json").read_text())
    assert metrics["status"] == "finished"
    assert metrics["steps_trained"] == 256


def test_the_image_does_not_run_as_root() -> None:
    users = [rest for keyword, rest in instructions() if keyword == "USER"]

    assert users == ["1000"]
