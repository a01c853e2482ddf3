import os
import resource

import pytest
from onramp import system_calls


@pytest.mark.parametrize("reserves", [True, False])
def test_files_have_their_size_at_once(reserves, tmp_path, monkeypatch):
    if not reserves:  # as macOS
        monkeypatch.delattr(os, "posix_fallocate")
    path = tmp_path / "product"
    with path.open("wb") as file:
        system_calls.reserve(file.fileno(), 12_345)
    assert path.read_bytes() == bytes(12_345)


@pytest.mark.parametrize(("unit", "expected"), [(1, 3.0), (1024, 3072.0)])
def test_the_peak_is_in_megabytes_whatever_the_unit(unit, expected, monkeypatch):
    class Usage:
        ru_maxrss = 3 << 20

    monkeypatch.setattr(resource, "getrusage", lambda _who: Usage)
    monkeypatch.setattr(system_calls, "BYTES_OF_PEAK", unit)
    assert system_calls.peak_mb() == expected
