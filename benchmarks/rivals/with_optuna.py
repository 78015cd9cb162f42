"""One of the processes of an Optuna study over SB3's PPO, as Optuna's guide distributes work.

python benchmarks/rivals/with_optuna.py TASK RUNNER     (TASK: JSON of `benchmarks/peers.py`)
"""

from __future__ import annotations

import json
import sys
from typing import Any

import optuna
from benchmarks.rivals.ordinary import train
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


def main() -> None:
    task, runner = json.loads(sys.argv[1]), int(sys.argv[2])
    seed = task["seed"] + runner

    def objective(trial: Any) -> float:
        chosen = {
            name: trial.suggest_float(name, low, high, log=log)
            for name, (low, high, log) in task["space"].items()
        }
        return train(task, chosen, seed=1_000 * seed + trial.number)

    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(task["storage"])),
        study_name="sweep",
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=seed),
    )
    study.optimize(objective, n_trials=task["trials"] // task["parallel"])


if __name__ == "__main__":
    main()
