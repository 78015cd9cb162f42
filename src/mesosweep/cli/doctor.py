"""`mesosweep doctor`: is this machine fit to run a sweep, and if not, what to do."""

from __future__ import annotations

import json
import os

from mesosweep.cli.found import output_dir
from mesosweep.cli.options import AsJson
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

EXAMPLES = (
    "mesosweep doctor\n\nmesosweep doctor --output-dir /big/disk --json\n\n"
    "mesosweep doctor --project YOUR_PROJECT --bucket YOUR_BUCKET --image IMAGE_URI --parallel 5"
)
_TAKEN = (
    *("output_dir", "project", "bucket", "image", "location", "machine_type"),
    *("accelerator_type", "accelerator_count", "parallel", "api_endpoint"),
)
_COLOURS = {"✓": "green", "!": "yellow", "✗": "red"}


@takes(_TAKEN)
def doctor(flags: Flags, *, as_json: AsJson = False) -> int:
    """Check Python, packages, rendering, cores, disk and plugins; exit 1 when something is amiss.

    With --project, --bucket or --image also credentials, bucket, image, jobs and quota.
    """
    from mesosweep.cli.checks import all_checks
    from mesosweep.cli.cloud_checks import Asked, cloud_checks

    found = all_checks(output_dir(flags.output_dir))
    if (asked := Asked.of(flags, os.environ)) is not None:
        found += cloud_checks(asked)
    if as_json:
        rows = [{"check": c.name, "mark": c.word, "found": c.found, "fix": c.fix} for c in found]
        print(json.dumps({"version": 1, "checks": rows}, indent=2, ensure_ascii=False))
    else:
        from rich.text import Text

        from mesosweep.cli.screen import columns
        from mesosweep.cli.screen import output as console_of_results

        table = columns("", "", "")
        table.show_header = False
        for check in found:
            said = Text(check.found)
            if check.fix:
                said.append(f"\n{check.fix}", style="dim")
            table.add_row(Text(check.mark, style=_COLOURS[check.mark]), check.name, said)
        console_of_results().print(table)
    return 1 if any(check.mark == "✗" for check in found) else 0
