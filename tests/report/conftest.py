"""What the tests of reports have in common."""

from __future__ import annotations

import pytest

from mesosweep.testing.story import Story


@pytest.fixture
def story() -> Story:
    return Story()
