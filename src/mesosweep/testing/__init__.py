"""What authors of plugins test with: conformance suites, and fakes that pass them."""

import sys

if "pytest" in sys.modules:
    import pytest

    # Suites assert in our modules; authors deserve pytest's full explanation.
    pytest.register_assert_rewrite(
        *(
            f"mesosweep.testing.{name}"
            for name in (
                *("_body", "backend", "bucket", "learner", "sampler", "species", "store"),
                *("tracker", "walker"),
            )
        )
    )
