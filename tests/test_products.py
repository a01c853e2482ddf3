import errno
import multiprocessing
import os
import resource
import signal
import threading

import numpy as np
import pytest
from astropy.io import fits
from onramp.errors import OutputError
from onramp.products import Extension, Product, ProductFile, RawExtension

SHAPE = (2, 3, 17, 11)


def a_header(**cards):
    header = fits.PrimaryHDU().header
    header["TELESCOP"] = "JWST"
    for keyword, value in cards.items():
        header[keyword] = value
    return header


def some_arrays(seed=1):
    rng = np.random.default_rng(seed)
    sci = rng.normal(0, 1e4, SHAPE).astype(np.float32)
    sci[0, 0, 0, :4] = np.nan, np.inf, -np.inf, -0.0
    dq = rng.integers(0, 1 << 32, SHAPE[-2:], np.uint32)
    dq[0, :4] = 0, 1, 1 << 31, (1 << 32) - 1
    raw = rng.integers(0, 1 << 16, SHAPE[1:], np.uint16)
    raw[0, 0, :3] = 0, 1 << 15, (1 << 16) - 1
    return {"SCI": sci, "DQ": dq, "GROUPDQ": (dq & 255).astype(np.uint8), "RAW": raw}


def extensions_of(arrays):
    return [Extension(name, array.shape, array.dtype) for name, array in arrays.items()]


def fill(product, arrays, rows=4):
    for name, array in arrays.items():
        for first in range(0, SHAPE[-2], rows):
            product.write_rows(name, first, array[..., first : first + rows, :])


def write(path, arrays, **cards):
    product = ProductFile(path, a_header(**cards), extensions_of(arrays))
    try:
        fill(product, arrays)
        product.finish()
    except OutputError:
        product.discard()
        raise


def assert_holds(path, arrays):
    with fits.open(path) as hdus:
        hdus.verify("exception")
        for name, array in arrays.items():
            assert hdus[name].data.dtype.newbyteorder("=") == array.dtype, name
            assert np.array_equal(hdus[name].data, array, equal_nan=array.dtype.kind == "f")


@pytest.fixture
def target(tmp_path):
    return tmp_path / "x_rate.fits"


def test_astropy_reads_what_was_written(target):
    arrays = some_arrays()
    write(target, arrays)
    assert_holds(target, arrays)
    assert os.listdir(target.parent) == [target.name]
    assert target.stat().st_size % 2880 == 0
    header = fits.getheader(target, "DQ")
    assert (header["BITPIX"], header["BZERO"], header["EXTVER"]) == (32, 1 << 31, 1)
    with fits.open(target, do_not_scale_image_data=True) as hdus:
        assert hdus["DQ"].data.dtype == ">i4"
        assert np.signbit(hdus["SCI"].data[0, 0, 0, 3])


def test_bands_of_other_types_and_strides_are_converted(target):
    arrays = {"SCI": some_arrays()["SCI"]}
    product = ProductFile(target, a_header(), extensions_of(arrays))
    doubled = np.asfortranarray(arrays["SCI"].astype(float))
    fill(product, {"SCI": doubled})
    product.finish()
    assert_holds(target, arrays)


@pytest.mark.parametrize("seed", range(3))
def test_threads_write_bands_in_any_order(target, seed):
    arrays = some_arrays(seed)
    product = ProductFile(target, a_header(), extensions_of(arrays))
    rng = np.random.default_rng(seed)
    jobs = [(name, row) for name in arrays for row in range(SHAPE[-2])]
    rng.shuffle(jobs)
    start = threading.Barrier(4)

    def work(mine):
        start.wait()
        for name, row in mine:
            product.write_rows(name, int(row), arrays[name][..., int(row) : int(row) + 1, :])

    threads = [threading.Thread(target=work, args=(jobs[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    product.finish()
    assert_holds(target, arrays)


def test_rows_that_nobody_wrote_are_zero(target):
    arrays = {"SCI": np.zeros(SHAPE, np.float32), "GROUPDQ": np.zeros(SHAPE, np.uint8)}
    product = ProductFile(target, a_header(), extensions_of(arrays))
    product.finish()
    assert_holds(target, arrays)


def test_keywords_and_copied_extensions(target, tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2, 3])], name="GROUP")
    source = tmp_path / "table.fits"
    table.writeto(source)
    content = source.read_bytes()[2880:]
    header = fits.Header([("BUNIT", "DN/s", "physical units"), ("WAVE", 2.5)])
    primary = a_header(S_JUMP="UNKNOWN ")
    array = np.ones((3, 5), np.float32)
    product = ProductFile(
        target,
        primary,
        [RawExtension("GROUP", content), Extension("SCI", (3, 5), np.float32, header)],
    )
    product.write_rows("SCI", 0, array)
    primary["S_JUMP"] = "COMPLETE"
    product.finish()
    with fits.open(target) as hdus:
        assert hdus[0].header["S_JUMP"] == "COMPLETE"
        assert hdus["GROUP"].data["a"].tolist() == [1, 2, 3]
        assert (hdus["SCI"].header["BUNIT"], hdus["SCI"].header["WAVE"]) == ("DN/s", 2.5)
        assert (hdus["SCI"].data == 1).all()


def test_a_primary_header_that_grew_is_an_error(target):
    header = a_header()
    product = ProductFile(target, header, [Extension("SCI", (3, 5), np.float32)])
    for n in range(40):
        header[f"KEY{n}"] = n
    with pytest.raises(AssertionError, match="grew"):
        product.finish()
    product.discard()
    assert os.listdir(target.parent) == []


def test_nothing_looks_finished_before_it_is(target):
    arrays = some_arrays()
    product = ProductFile(target, a_header(), extensions_of(arrays))
    fill(product, arrays)
    assert not target.exists()
    assert not list(target.parent.glob("*.fits"))
    product.finish()
    assert list(target.parent.glob("*.fits")) == [target]


def test_the_old_product_stays_until_the_new_one_is_complete(target):
    old, new = some_arrays(1), some_arrays(2)
    write(target, old)
    product = ProductFile(target, a_header(), extensions_of(new))
    fill(product, new)
    assert_holds(target, old)
    product.finish()
    assert_holds(target, new)


def test_discarding_keeps_the_old_product(target):
    old = some_arrays(1)
    write(target, old)
    product = ProductFile(target, a_header(), extensions_of(old))
    product.discard()
    product.discard()
    assert_holds(target, old)
    assert os.listdir(target.parent) == [target.name]


def failing(call, after=0):
    """Wrap a call so that it reports a full disk from a certain time on."""
    count = iter(range(10**6))

    def wrapped(*arguments):
        if next(count) >= after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(*arguments)

    return wrapped


@pytest.mark.parametrize(
    ("name", "after"),
    [("open", 0), ("posix_fallocate", 0), ("pwrite", 0), ("pwrite", 2), ("pwrite", 9),
     ("pwrite", 30), ("fsync", 0), ("replace", 0)],
)  # fmt: skip
def test_a_full_disk_leaves_nothing(target, monkeypatch, name, after):
    arrays = some_arrays()
    monkeypatch.setattr(os, name, failing(getattr(os, name), after))
    with pytest.raises(OutputError) as caught:
        write(target, arrays)
    monkeypatch.undo()
    message = str(caught.value)
    assert message.startswith(f"{target}: cannot be written: No space left on device")
    assert "free space" in message
    assert "\n" not in message
    assert os.listdir(target.parent) == []


def test_a_full_disk_keeps_the_old_product(target, monkeypatch):
    old = some_arrays(1)
    write(target, old)
    monkeypatch.setattr(os, "fsync", failing(os.fsync))
    with pytest.raises(OutputError):
        write(target, some_arrays(2))
    monkeypatch.undo()
    assert_holds(target, old)
    assert os.listdir(target.parent) == [target.name]


def test_a_limit_of_the_system(target):
    """The kernel itself refuses: files may not grow beyond 8 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(OutputError, match="cannot be written: File too large"):
            write(target, some_arrays())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(target.parent) == []


def test_interrupted_writes_go_on(target, monkeypatch):
    """The system may write less than it was asked to."""
    arrays = some_arrays()
    product = ProductFile(target, a_header(), extensions_of(arrays))
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: pwrite(file, data[:37], at))
    fill(product, arrays)
    monkeypatch.undo()
    product.finish()
    assert_holds(target, arrays)


def test_folders_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match="No such file or directory"):
        write(tmp_path / "missing" / "x.fits", some_arrays())
    (tmp_path / "x.fits").mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        write(tmp_path / "x.fits", some_arrays())
    assert os.listdir(tmp_path) == ["x.fits"]


def die_half_way(target):
    arrays = some_arrays()
    product = ProductFile(target, a_header(), extensions_of(arrays))
    product.write_rows("SCI", 0, arrays["SCI"])
    os.kill(os.getpid(), signal.SIGKILL)


def write_often(target, seed, start):
    start.wait()
    for _ in range(20):
        write(target, some_arrays(seed), WRITER=seed)


CONTEXT = multiprocessing.get_context("fork")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_killed_process_leaves_nothing_that_looks_finished(target):
    process = CONTEXT.Process(target=die_half_way, args=(target,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not list(target.parent.glob("*.fits"))
    assert all(name.startswith(".") for name in os.listdir(target.parent))
    write(target, some_arrays())
    assert_holds(target, some_arrays())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_two_processes_write_the_same_product(target):
    start = CONTEXT.Barrier(3)
    processes = [CONTEXT.Process(target=write_often, args=(target, n, start)) for n in (1, 2)]
    for process in processes:
        process.start()
    start.wait()
    looks = 0
    while any(process.is_alive() for process in processes):
        if target.exists():
            content = target.read_bytes()
            with fits.HDUList.fromstring(content) as hdus:
                expected = some_arrays(hdus[0].header["WRITER"])
                assert np.array_equal(hdus["SCI"].data, expected["SCI"], equal_nan=True)
                assert np.array_equal(hdus["DQ"].data, expected["DQ"])
            looks += 1
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert looks > 0
    assert os.listdir(target.parent) == [target.name]


def test_in_memory():
    arrays = some_arrays()
    product = Product(a_header(), [*extensions_of(arrays), RawExtension("GROUP", b"")])
    fill(product, arrays, rows=5)
    product.finish()
    for name, array in arrays.items():
        actual = getattr(product, name.lower())
        assert np.array_equal(actual, array, equal_nan=array.dtype.kind == "f")
    with pytest.raises(AttributeError, match="no extension 'err'; it has SCI, DQ"):
        _ = product.err
    product.discard()
    assert not hasattr(product, "sci")


def test_leavings_of_killed_processes_are_swept_up(tmp_path):
    path = tmp_path / "x_rate.fits"
    (tmp_path / ".x_rate.fits.123.part").touch()
    (tmp_path / ".x_rateints.fits.123.part").touch()
    product = ProductFile(path, a_header(), extensions_of(some_arrays()))
    assert not (tmp_path / ".x_rate.fits.123.part").exists()
    assert (tmp_path / ".x_rateints.fits.123.part").exists()
    being_written = tmp_path / f".x_rate.fits.{os.getpid()}.part"
    other = being_written.rename(tmp_path / ".x_rate.fits.124.part")
    again = ProductFile(path, a_header(), extensions_of(some_arrays()))
    assert other.exists()
    again.discard()
    product.discard()


def test_a_name_that_is_too_long_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="File name too long"):
        ProductFile(tmp_path / f"{'n' * 250}.fits", a_header(), [])


def test_size_is_that_of_the_file(tmp_path):
    product = ProductFile(tmp_path / "x.fits", a_header(), extensions_of(some_arrays()))
    product.finish()
    assert product.path.stat().st_size == product.size
