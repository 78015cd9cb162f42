"""`mesosweep doctor`: is this machine fit to run a sweep, and if not, what to do."""

from __future__ import annotations

import json

from mesosweep.cli.found import output_dir
from mesosweep.cli.options import AsJson, OutputDir

EXAMPLES = "mesosweep doctor\n\nmesosweep doctor --output-dir /big/disk --json"
_COLOURS = {"✓": "green", "!": "yellow", "✗": "red"}


def doctor(*, output: OutputDir = None, as_json: AsJson = False) -> int:
    """Check Python, packages, rendering, cores, disk and plugins; exit 1 when something is amiss."""
    from mesosweep.cli.checks import all_checks

    found = all_checks(output_dir(output))
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
