"""Puts the table, a walker on four feet, where it can be imported."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "envs"))
