"""A job as YAML: whatever stands in it, a YAML reader finds it again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesosweep.backends.vertex.written import as_yaml

yaml: Any = pytest.importorskip("yaml")

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = st.one_of(
    TEXT,
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
)
KEYS = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,10}", fullmatch=True).filter(
    lambda key: key != "env"
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(st.one_of(SCALARS, st.dictionaries(KEYS, inner, min_size=1, max_size=3))),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
    max_leaves=12,
)


# A busy machine is no fault of the writer.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_it_reads_back_as_it_was(tree: dict[str, Any]) -> None:
    request = {"displayName": "a-study", **tree}

    assert yaml.safe_load(as_yaml(request, location="us-central1")) == request


@pytest.mark.parametrize(
    "word", ["yes", "No", "on", "null", "~", "1e5", "12:30", "0x1f", "", "- a"]
)
def test_a_word_stays_a_word(word: str) -> None:
    text = as_yaml({"displayName": "x", "labels": {"team": word}}, location="us-central1")

    assert yaml.safe_load(text)["labels"]["team"] == word


def test_the_first_line_is_the_command_that_sends_it() -> None:
    text = as_yaml({"displayName": "a-study"}, location="europe-west4")

    assert text.splitlines()[0] == (
        "# gcloud ai hp-tuning-jobs create --region=europe-west4 "
        "--display-name=a-study --config=FILE"
    )
