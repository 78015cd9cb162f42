"""A Ray Tune experiment over SB3's PPO, with Tune's default search and scheduler.

python benchmarks/rivals/with_ray.py TASK FOLDER     (TASK: JSON of `benchmarks/peers.py`)
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

# The token that guards Ray's ports lies with the run: by itself Ray leaves one in the home folder.
TOKEN = Path(sys.argv[2]) / "token"
TOKEN.touch(mode=0o600)
TOKEN.write_text(secrets.token_hex(32))
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(TOKEN)}

import ray  # type: ignore[import-not-found]  # in the peer's environment only
from ray import tune


def main() -> None:
    task, folder = json.loads(sys.argv[1]), Path(sys.argv[2])

    def trainable(chosen: dict[str, Any]) -> None:
        from benchmarks.rivals.ordinary import train

        seed = chosen.pop("seed")
        tune.report({"mean_reward": train(task, chosen, seed=seed)})

    space = {
        name: (tune.loguniform if log else tune.uniform)(low, high)
        for name, (low, high, log) in task["space"].items()
    }
    ray.init(num_cpus=task["parallel"], include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={**space, "seed": tune.randint(0, 2**31 - 1)},
        tune_config=tune.TuneConfig(
            metric="mean_reward",
            mode="max",
            num_samples=task["trials"],
            max_concurrent_trials=task["parallel"],
        ),
        run_config=tune.RunConfig(storage_path=str(folder / "results"), verbose=0),
    )
    found = tuner.fit()
    for error in found.errors:
        print(error, file=sys.stderr)
    values = [result.metrics["mean_reward"] for result in found if result.error is None]
    (folder / "values.json").write_text(json.dumps(values))
    ray.shutdown()


if __name__ == "__main__":
    main()
