"""What all tests share: their order, and that a property may take as long as the machine needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("mesosweep", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mesosweep")


@pytest.fixture(autouse=True, scope="session")
def _logs_of_sb3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what Stable-Baselines3 logs where pytest clears up: else each `learn` leaves a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SB3_LOGDIR", str(tmp_path_factory.mktemp("sb3")))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that hold slow tests: one of them at the end would leave cores idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
