"""The trainer image, as far as it can be built without a container engine.

The Dockerfile's own `COPY` and `pip install` lines are carried out in a fresh virtual
environment, and its entry point is run there with the words of a real trial.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mesosweep import __version__
from mesosweep.plugins import Registry
from mesosweep.records.study_file import study_file, written
from mesosweep.settings.flags import Flags
from mesosweep.settings.plan import plan_launch

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


GOLDEN = ROOT / "tests" / "golden" / "vertex" / "budget_friendly.yaml"
SMALL = {"timesteps": 512, "eval-freq": 512, "eval-episodes": 2, "panel-episodes": 2}
CHOSEN = {
    "ppo_learning_rate": "0.0001",
    "ppo_ent_coef": "0.001",
    "ppo_batch_size": "64.0",
    "ppo_gamma": "0.98",
    "ppo_n_steps": "1024.0",
}
"""What the service adds, as it spells it."""


def words_on_file() -> list[str]:
    """Return the container's arguments in the job on file, with a budget for a test."""
    _, _, after = GOLDEN.read_text().partition("args:\n")
    lines = itertools.takewhile(lambda line: line.strip().startswith("- "), after.splitlines())
    words = [line.strip().removeprefix("- ").strip('"') for line in lines]
    for name, value in SMALL.items():
        words = [f"--{name}={value}" if w.startswith(f"--{name}=") else w for w in words]
    return [*words, *(f"--{name}={value}" for name, value in CHOSEN.items())]


def write_study(root: Path, words: list[str]) -> None:
    """Lay the study's document where the words say that it lies."""
    (uri,) = [word.partition("=")[2] for word in words if word.startswith("--study=")]
    flags = Flags(species="velociraptor", stage=1, n_envs=4, bucket="my-bucket", project="p")
    plan = plan_launch(flags, registry=Registry(), environ={})
    study = plan.study(plan.stages[0], attempt=0, load=None, fixed={})
    path = root / uri.removeprefix("gs://")
    path.parent.mkdir(parents=True)
    path.write_text(written(study_file(study, plan, core=__version__, attempt=0)))


def test_the_entry_point_runs_the_words_of_a_job_on_file(image: Path, tmp_path: Path) -> None:
    entry = next(json.loads(rest) for keyword, rest in instructions() if keyword == "ENTRYPOINT")
    words = words_on_file()
    write_study(tmp_path, words)

    subprocess.run(
        [image / "venv/bin" / entry[0], *entry[1:], *words],
        cwd=tmp_path,
        check=True,
        env={
            **os.environ,
            "CLOUD_ML_TRIAL_ID": "7",
            "CLOUD_ML_HP_METRIC_FILE": str(tmp_path / "output.metrics"),
            "MESOSWEEP_GCS_ROOT": str(tmp_path),
            "OMP_NUM_THREADS": "1",
        },
    )

    place = tmp_path / "my-bucket/sweeps/velociraptor/ppo/stage1/7"
    metrics = json.loads((place / "metrics.json").read_text())
    assert metrics["status"] == "finished"
    assert metrics["steps_trained"] == SMALL["timesteps"]
    assert "best_mean_reward" in (tmp_path / "output.metrics").read_text()


def test_the_image_does_not_run_as_root() -> None:
    users = [rest for keyword, rest in instructions() if keyword == "USER"]

    assert users == ["1000"]
