"""Arrays of ASDF files, read as asdf reads them, and left to it where they are unusual."""

import asdf
import numpy as np
import pytest
from onramp import asdf_arrays
from onramp.asdf_arrays import UnusualError

ARRAYS = {
    "wave": np.linspace(-1, 1, 37),
    "counts": np.arange(12, dtype=np.int16).reshape(3, 4),
    "big": np.arange(5, dtype=">f4"),
    "empty": np.zeros(0),
}


@pytest.fixture
def written(tmp_path):
    def write(tree, **options):
        path = tmp_path / "made.asdf"
        asdf.AsdfFile(tree).write_to(path, **options)
        return path

    return write


@pytest.mark.parametrize("compression", [None, "zlib", "bzp2"])
def test_tree_is_that_of_asdf(written, compression):
    tree = {"meta": {"name": "x", "list": [1, {"inner": ARRAYS["wave"]}]}, **ARRAYS}
    found = asdf_arrays.read(written(tree, all_array_compression=compression))
    for name, values in ARRAYS.items():
        assert np.array_equal(found[name], values)
        assert found[name].dtype == values.dtype.newbyteorder("=")
    assert found["meta"]["name"] == "x"
    assert np.array_equal(found["meta"]["list"][1]["inner"], ARRAYS["wave"])


def test_arrays_may_share_a_block(written):
    found = asdf_arrays.read(written({"one": ARRAYS["wave"], "two": ARRAYS["wave"]}))
    assert np.array_equal(found["two"], ARRAYS["wave"])


UNUSUAL = {
    "inline": ({"wave": ARRAYS["wave"]}, {"all_array_storage": "inline"}),
    "masked": ({"wave": np.ma.masked_greater(ARRAYS["wave"], 0.5)}, {}),
    "complex": ({"wave": ARRAYS["wave"] * 1j}, {}),
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_what_is_unusual_is_left_to_asdf(written, case):
    tree, options = UNUSUAL[case]
    path = written(tree, **options)
    with pytest.raises(UnusualError):
        asdf_arrays.read(path)


@pytest.mark.parametrize("more", [b"strides: [16]", b"offset: 8", b"byteorder: middle"])
def test_descriptions_that_are_unusual_are_left_to_asdf(written, more):
    path = written({"wave": ARRAYS["wave"]})
    path.write_bytes(path.read_bytes().replace(b"shape: [37]", b"shape: [9]\n  " + more))
    with pytest.raises(UnusualError):
        asdf_arrays.read(path)


@pytest.mark.parametrize("kept", [0, 3, 200, -300])
def test_what_is_cut_is_damaged(written, kept):
    path = written({"wave": ARRAYS["wave"]}, all_array_compression=None)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(OSError, match=r"truncated|damaged|not an ASDF file"):
        asdf_arrays.read(path)


def test_altered_files_are_read_refused_or_left_to_asdf(written):
    whole = written({"wave": ARRAYS["wave"], "more": {"n": 3}}).read_bytes()
    rng = np.random.default_rng(3)
    path = written({})
    for _ in range(300):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            found = asdf_arrays.read(path)
        except (OSError, UnusualError):
            continue
        assert isinstance(found, dict)
