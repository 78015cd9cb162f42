"""Puts the hopper, a species of data and a few functions, where it can be imported."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
