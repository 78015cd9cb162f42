"""What a trial's process is given: its arguments and its environment variables.

Variables are those of "Environment variables for special Cloud Storage directories" and
"Format of CLUSTER_SPEC / TF_CONFIG" in Vertex AI's pages on custom training, and what
cloudml-hypertune reads; where a trial reports to (CLOUD_ML_HP_METRIC_FILE) is the runner's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from mesosweep.rehearsal.orders import Chosen, Container, RunOrder, Value
from mesosweep.rehearsal.undocumented import Undocumented

METRIC_FILE = "CLOUD_ML_HP_METRIC_FILE"


def argv_of(
    container: Container,
    chosen: Chosen,
    *,
    entry_point: tuple[str, ...],
    undocumented: Undocumented,
) -> tuple[str, ...]:
    """Return the words of the process: command, arguments, then the searched parameters."""
    words = [*(container.command or entry_point), *container.args]
    for name, value in chosen.items():
        text = spelled(value, undocumented)
        if undocumented.arguments == "--name=value":
            words.append(f"--{name}={text}")
        else:
            words += [f"--{name}", text]
    return tuple(words)


def spelled(value: Value, undocumented: Undocumented) -> str:
    """Return a parameter's value as it stands in an argument."""
    if isinstance(value, str):
        return value
    if undocumented.numbers == "64" and value.is_integer():
        return str(int(value))
    return repr(float(value))


def environment_of(order: RunOrder, *, run_id: str, trial_id: str = "") -> Mapping[str, str]:
    """Return what the service adds to the environment: the container's own and Vertex's.

    `trial_id` is empty for a custom job of its own.
    """
    env = {**order.container.env, "CLOUD_ML_JOB_ID": run_id}
    if trial_id:
        env["CLOUD_ML_TRIAL_ID"] = trial_id
    if order.base_output is not None:
        base = f"{order.base_output}/{trial_id}" if trial_id else order.base_output
        env["AIP_MODEL_DIR"] = f"{base}/model/"
        env["AIP_CHECKPOINT_DIR"] = f"{base}/checkpoints/"
        env["AIP_TENSORBOARD_LOG_DIR"] = f"{base}/logs/"
    env["CLUSTER_SPEC"] = _cluster("workerpool0", trial_id)
    env["TF_CONFIG"] = _cluster("chief", trial_id)
    return env


def _cluster(role: str, trial_id: str) -> str:
    task: dict[str, object] = {"type": role, "index": 0}
    if trial_id:
        task["trial"] = trial_id
    cluster = {"cluster": {role: ["127.0.0.1:2222"]}, "environment": "cloud", "task": task}
    return json.dumps(cluster)
