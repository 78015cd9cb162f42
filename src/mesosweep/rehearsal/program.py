"""A trial that takes no time: as a program for a container, and as its course in virtual time."""

from __future__ import annotations

from mesosweep.rehearsal.running import Launch
from mesosweep.rehearsal.scripted import Course, Moment, given

METRIC = "reward"
STEPS = 3
PROGRAM = f"""
import json, os, sys, time
words = {{}}
for word in sys.argv[1:]:
    if word.startswith("--"):
        name, _, word = word[2:].partition("=")
    words[name] = word
x, mode = float(words["x"]), words["mode"]
if mode == "fail" and x > 0.5:
    sys.exit(f"x is {{x}}")
lines = []
for step in range(1, {STEPS} + 1) if mode != "silent" else ():
    lines.append(json.dumps({{"{METRIC}": str(x / step), "global_step": str(step),
                             "timestamp": time.time(), "trial": "0", "checkpoint_path": ""}}))
    with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w") as file:
        file.write("\\n".join(lines) + "\\n")
while mode == "hold" and x > 0.5:
    time.sleep(0.05)
"""
"""A trial in the words of Python, run with `python -c PROGRAM --mode=MODE`.

It reports x, x/2, x/3 at steps 1, 2, 3. Where x > 0.5, mode `fail` exits with 1 before that,
and mode `hold` never ends; mode `silent` reports nothing.
"""


def course_of(launch: Launch) -> Course:
    """Return what PROGRAM does, for a runner in virtual time; it takes a minute."""
    x, mode = float(given(launch.argv, "x", "0.25")), given(launch.argv, "mode")
    if mode == "fail" and x > 0.5:
        return Course(duration_s=5.0, exit_code=1, says=f"x is {x}")
    moments = tuple(
        Moment(10.0 * step, step, {METRIC: x / step})
        for step in (range(1, STEPS + 1) if mode != "silent" else ())
    )
    is_long = mode == "hold" and x > 0.5
    return Course(duration_s=1e6 if is_long else 60.0, moments=moments, stop_s=2.0)
