"""Print one of the README's commands, so that what is checked is what is written."""

import re
import sys
from pathlib import Path

readme = Path(__file__).parent.parent / "README.md"
blocks = re.findall(r"<!-- command: (\w+) -->\n```bash\n(.*?)```", readme.read_text(), re.DOTALL)
print(dict(blocks)[sys.argv[1]])
