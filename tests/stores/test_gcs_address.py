"""The same place has two names, and each is found from the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesosweep.domain.errors import SettingsError
from mesosweep.stores.gcs_address import Address, is_remote, on_this_machine

words = st.text("abc123._- ", min_size=1, max_size=8).filter(lambda word: word not in (".", ".."))
addresses = st.builds(
    lambda bucket, parts: Address(bucket, "/".join(parts)), words, st.lists(words, max_size=4)
)


@settings(deadline=None)
@given(addresses)
def test_both_names_of_a_place_are_read_as_that_place(address: Address) -> None:
    assert Address.parse(address.uri) == address
    assert Address.parse(address.mount) == address
    assert Address.parse(f"{address.uri}/") == address
    assert is_remote(address.uri)
    assert is_remote(address.mount)


@settings(deadline=None)
@given(addresses, st.lists(words, min_size=1, max_size=3).map("/".join))
def test_what_lies_below_is_told_from_above(address: Address, below: str) -> None:
    assert (address / below).below(address) == below
    assert address.below(address) == ""


def test_what_only_begins_alike_does_not_lie_below() -> None:
    root = Address("b", "sweeps/ratite")

    assert Address("b", "sweeps/ratite2/x").below(root) is None
    assert Address("c", "sweeps/ratite/x").below(root) is None


@pytest.mark.parametrize("text", ["gs://bucket/a/x.zip", "/gcs/bucket/a/x.zip"])
def test_both_names_are_one_file_here(text: str) -> None:
    assert on_this_machine(text, {}) == Path("/gcs/bucket/a/x.zip")
    assert on_this_machine(text, {"MESOSWEEP_GCS_ROOT": "/tmp/cloud"}) == Path(
        "/tmp/cloud/bucket/a/x.zip"
    )


def test_a_path_of_this_machine_stays_what_it_is() -> None:
    assert on_this_machine("trials/3", {"MESOSWEEP_GCS_ROOT": "/tmp"}) == Path("trials/3")


@pytest.mark.parametrize(
    "text", ["", "bucket/x", "gs://", "/gcs/", "gs:///x", "gs://b//x", "gs://b/../c"]
)
def test_what_is_no_place_in_a_bucket_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="no place in a bucket"):
        Address.parse(text)
