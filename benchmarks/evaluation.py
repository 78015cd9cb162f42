"""Which share of a trial's wall time goes into judging its policy.

    python benchmarks/evaluation.py [--species velociraptor] [--timesteps 60000] [--short]

One trial per stage, each from the best checkpoint of the one before, with the stage files as they
are: 10 evaluation episodes every `--eval-freq` steps, and the panel at the end. What counts as
judging is all time between asking for episodes and having them; the whole is the wall time of the
process that a sweep would start, with its imports. Prints one table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mesosweep.plugins import SPECIES, Registry
from mesosweep.records.layout import TrialFolder
from mesosweep.settings.stages import load_curriculum

# The command of a trial as users run it, with a clock around the one door to all episodes.
TIMED = """
import json, sys, time
from pathlib import Path
from mesosweep.cli import main
from mesosweep.worker.observer import TrialObserver

told, play = {"seconds": 0.0, "episodes": 0, "steps": 0}, TrialObserver.play

def timed(self, policy, seeds):
    began = time.perf_counter()
    episodes = play(self, policy, seeds)
    told["seconds"] += time.perf_counter() - began
    told["episodes"] += len(episodes)
    told["steps"] += sum(episode.length for episode in episodes)
    return episodes

TrialObserver.play = timed
place = Path(sys.argv.pop(1))
try:
    main()
finally:
    place.write_text(json.dumps(told))
"""


@dataclass(frozen=True)
class Took:
    """What one trial took, and what of it was judging."""

    whole_s: float
    judged_s: float
    episodes: int
    steps: int


def main() -> int:
    """Run a trial of each stage, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--species", default="velociraptor")
    parser.add_argument("--timesteps", type=int, default=60_000)
    parser.add_argument("--eval-freq", type=int, default=10_000)
    parser.add_argument("--short", action="store_true", help="a few seconds: a rollout of stage 1")
    options = parser.parse_args()
    timesteps, every = (2_048, 2_048) if options.short else (options.timesteps, options.eval_freq)
    registry = Registry()
    species = registry.get(SPECIES, options.species)
    stages = load_curriculum(species, None, registry=registry).stages
    print(f"{species.name}: {timesteps:,} steps, judged every {every:,}")
    print(f"load average {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores\n")
    print("stage              whole s   judging s   share   episodes   mean steps")
    took = []
    with tempfile.TemporaryDirectory() as place:
        before: TrialFolder | None = None
        for stage in stages[:1] if options.short else stages:
            folder = TrialFolder(Path(place, f"stage{stage.number}", "local"))
            words = ["--species", species.name, "--stage", str(stage.number), "--seed", "1"]
            words += ["--timesteps", str(timesteps), "--eval-freq", str(every)]
            words += ["--output-dir", str(folder.path.parent)]
            words += ["--load", str(before.best)] if before else []
            took.append(trial(words, told=Path(place, "told.json")))
            row(f"{stage.number} {stage.name}", took[-1:])
            before = folder
    row("all", took)
    return 0


def trial(words: Sequence[str], *, told: Path) -> Took:
    """Run one trial to its end."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", TIMED, str(told), "trial", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    whole_s, heard = time.perf_counter() - began, json.loads(told.read_text())
    return Took(whole_s, heard["seconds"], heard["episodes"], heard["steps"])


def row(name: str, took: Sequence[Took]) -> None:
    whole_s, judged_s = sum(t.whole_s for t in took), sum(t.judged_s for t in took)
    episodes, steps = sum(t.episodes for t in took), sum(t.steps for t in took)
    print(
        f"{name:16s} {whole_s:9.1f} {judged_s:11.1f} {judged_s / whole_s:7.2f}"
        f" {episodes:10d} {steps / max(episodes, 1):12.0f}",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
