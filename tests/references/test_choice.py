import pytest
from onramp import reference_digest
from onramp.errors import ParameterError, ReferenceFileError
from onramp.parameters import parse_steps
from onramp.references import (
    REFERENCE_TYPES,
    needed_types,
    select,
)
from onramp.simulation import nirspec_optics
from reference_files import DEFAULT_TYPES, FITS_TYPES, an_exposure, chosen, contents, write


def test_needed_types_follow_steps_instrument_and_readout(parameters):
    nircam, miri = an_exposure(), an_exposure(instrument="MIRI", readpatt="FASTR1")
    irs2 = an_exposure(instrument="NIRSPEC", readpatt="NRSIRS2")
    assert list(needed_types(parameters, nircam)) == [k for k in DEFAULT_TYPES if k != "refpix"]
    assert {*needed_types(parameters, irs2)} - {*needed_types(parameters, nircam)} == {"refpix"}
    assert "superbias" not in needed_types(parameters, miri)
    assert {*needed_types(parameters, miri)} - {*DEFAULT_TYPES} == {"reset", "rscd"}
    on = parse_steps(
        {
            "emicorr": {"skip": False},
            "refpix": {"refpix_algorithm": "sirs"},
            "picture_frame": {"skip": False},
            "clean_flicker_noise": {"skip": False, "apply_flat_field": True},
        },
        "test",
    )
    soss = an_exposure(instrument="NIRISS", exp_type="NIS_SOSS")
    series = parse_steps(
        {"clean_flicker_noise": {"skip": False, "background_method": "median_image"}}, "test"
    )
    slices = an_exposure(instrument="NIRSPEC", exp_type="NRS_IFU")
    asked = (on, irs2), (on, miri), (series, soss), (on, slices)
    assert {kind for one in asked for kind in needed_types(*one)} == {*REFERENCE_TYPES}
    assert not {"bkg", "wavelengthrange"} & {*needed_types(on, soss)}
    assert "pastasoss" not in needed_types(on, an_exposure(instrument="NIRISS"))
    unflattened = parse_steps({"clean_flicker_noise": {"skip": False}}, "test")
    assert "flat" not in needed_types(unflattened, nircam)
    assert needed_types(parameters, nircam)["superbias"] == ("saturation", "superbias")
    off = parse_steps({s: {"skip": True} for s in ("jump", "ramp_fit", "superbias", "ipc")}, "test")
    needed = needed_types(off, nircam)
    assert needed["gain"] == ("gain_scale",)
    assert needed["superbias"] == ("saturation",)
    assert not {"readnoise", "ipc"} & set(needed)


def test_flat_is_needed_where_it_is_looked_at():
    def needs_flat(exp_type, **cleaning):
        steps = parse_steps({"clean_flicker_noise": {"skip": False, **cleaning}}, "test")
        instrument = {"MIR": "MIRI", "NRC": "NIRCAM", "NIS": "NIRISS"}[exp_type[:3]]
        return "flat" in needed_types(steps, an_exposure(instrument=instrument, exp_type=exp_type))

    assert needs_flat("MIR_IMAGE", mask_science_regions=True)
    assert not needs_flat("NRC_IMAGE", mask_science_regions=True)
    assert needs_flat("NIS_IMAGE", autoparam=True)
    assert not needs_flat("NRC_TSIMAGE", autoparam=True)
    assert needs_flat("NRC_TSIMAGE", apply_flat_field=True)
    assert needs_flat("MIR_IMAGE", background_method="median_image")
    assert not needs_flat("NRC_TSIMAGE", background_method="median_image")


@pytest.mark.parametrize("step", ["picture_frame", "clean_flicker_noise"])
def test_optics_are_needed_where_regions_are_masked(step):
    def needed(exp_type, masked=True):
        steps = parse_steps({step: {"skip": False, "mask_science_regions": masked}}, "test")
        exposure = an_exposure(instrument="NIRSPEC", exp_type=exp_type)
        return {*needed_types(steps, exposure)} - {*needed_types(parse_steps({}, "test"), exposure)}

    optics = {"camera", "collimator", "disperser", "fpa", "msa", "wavelengthrange"}
    assert optics <= needed("NRS_FIXEDSLIT")
    assert needed("NRS_IFU") >= optics | {"ifupost", "ifuslicer", "msaoper"}
    assert "msaoper" in needed("NRS_MSASPEC")
    assert ("msaoper" in needed("NRS_FIXEDSLIT")) == (step == "picture_frame")
    assert not optics & needed("NRS_IFU", masked=False)
    assert not optics & needed("NRS_LAMP")


def test_wavelengths_are_needed_unless_fluxes_are_given():
    def needed(**cleaning):
        given = {"skip": False, "background_method": "median_image", **cleaning}
        soss = an_exposure(instrument="NIRISS", exp_type="NIS_SOSS")
        return {*needed_types(parse_steps({"clean_flicker_noise": given}, "test"), soss)}

    assert {"bkg", "wavelengthrange", "pastasoss"} <= needed()
    assert needed() - needed(light_curve="x_whtlt.ecsv") == {"wavelengthrange"}


def test_select_returns_each_type_with_its_digest(folder, parameters):
    references = select(an_exposure(), parameters, folder)
    assert list(references) == DEFAULT_TYPES
    for kind, reference in references.items():
        assert reference.type == kind
        assert reference.path == folder / reference.name == folder / f"jwst_nircam_{kind}_0001.fits"
        assert (
            reference.sha256
            == reference_digest.hashlib.sha256(reference.path.read_bytes()).hexdigest()
        )


@pytest.mark.parametrize(
    "keywords",
    [
        {"SUBARRAY": "SUB64P", "SUBSTRT1": 5, "SUBSTRT2": 3},
        {"READPATT": "RAPID"},
        {"READPATT": "DEEP8", "P_READPA": "BRIGHT1|RAPID|"},
        {"EXP_TYPE": "nrc_image "},
        {"P_SUBARR": "SUB160 | SUB64P |", "SUBARRAY": "SUB160"},
    ],
)
def test_the_more_specific_reference_wins_over_a_later_one(folder, keywords):
    write(folder / "special.fits", "gain", contents("gain"), keywords)
    write(folder / "later.fits", "gain", contents("gain"), {"USEAFTER": "2023-01-01"})
    assert chosen(folder) == "special.fits"


@pytest.mark.parametrize(
    "keywords",
    [
        {"DETECTOR": "NRCA2"},
        {"INSTRUME": "NIRISS"},
        {"TELESCOP": "HST"},
        {"SUBARRAY": "SUB160"},
        {"READPATT": "DEEP8"},
        {"P_READPA": "DEEP8|BRIGHT1|", "READPATT": "RAPID"},
        {"EXP_TYPE": "NRC_DARK"},
        {"USEAFTER": "2023-06-01T12:00:01"},
        {"USEAFTER": "Jan 01 2022"},
        {"SUBARRAY": "GENERIC", "SUBSTRT1": 6},
        {"SUBARRAY": "GENERIC", "SUBSIZE2": 9},
    ],
)
def test_an_unsuitable_reference_is_passed_over(folder, keywords):
    path = write(folder / "other.fits", "gain", contents("gain"), {"READPATT": "RAPID", **keywords})
    assert chosen(folder) == "jwst_nircam_gain_0001.fits"
    (folder / "jwst_nircam_gain_0001.fits").unlink()
    value = next(reversed(keywords.values())) if "P_READPA" not in keywords else "DEEP8"
    with pytest.raises(ReferenceFileError, match=rf"no gain .*{path.name} is for .*{value}"):
        chosen(folder)


@pytest.mark.parametrize("wild", ["N/A", "ANY", "GENERIC", None])
@pytest.mark.parametrize("keyword", ["DETECTOR", "SUBARRAY", "READPATT", "EXP_TYPE"])
def test_wild_values_match_anything(folder, keyword, wild):
    for path in folder.glob("*gain*"):
        path.unlink()
    write(folder / "wild.fits", "gain", contents("gain"), {keyword: wild})
    assert chosen(folder) == "wild.fits"


def test_the_latest_reference_before_the_observation_wins(folder):
    for day in ("2022-05-01", "2023-06-01T12:00:00", "2023-06-02"):
        name = f"gain_{day[:10]}.fits"
        write(folder / name, "gain", contents("gain"), {"USEAFTER": day})
    assert chosen(folder) == "gain_2023-06-01.fits"
    assert chosen(folder, exposure=an_exposure(date_obs="2024-01-01T00:00:00")) == (
        "gain_2023-06-02.fits"
    )


def test_a_tie_lists_the_files(folder):
    write(folder / "sub" / "twin.fits", "gain", contents("gain"))
    with pytest.raises(ReferenceFileError, match="equally well") as error:
        chosen(folder)
    assert str(folder / "sub" / "twin.fits") in str(error.value)
    assert str(folder / "jwst_nircam_gain_0001.fits") in str(error.value)
    assert "override_gain" in str(error.value)


def test_a_link_to_the_same_file_is_no_tie(folder):
    (folder / "nircam").mkdir()
    (folder / "nircam" / "link.fits").symlink_to(folder / "jwst_nircam_gain_0001.fits")
    assert chosen(folder) == "jwst_nircam_gain_0001.fits"


def test_other_files_in_the_folder_are_ignored(folder):
    (folder / "notes.txt").write_text("gain")
    (folder / "jwst_nircam_gain_0002.fits").write_text("no FITS")
    write(folder / ".jwst_nircam_gain_0003.fits", "gain", contents("gain"))
    (folder / "folder.fits").mkdir()
    write(folder / "x_uncal.fits", "gain", contents("gain"), {"REFTYPE": None})
    assert chosen(folder) == "jwst_nircam_gain_0001.fits"


@pytest.mark.parametrize("damage", ["no FITS", "headless", "unended"])
def test_a_missing_reference_names_the_unreadable_file(folder, damage):
    path = folder / "jwst_nircam_gain_0001.fits"
    content = path.read_bytes()
    path.write_bytes({"no FITS": b"x" * 5760, "headless": b"", "unended": content[:1000]}[damage])
    (folder / "jwst_nircam_zzz_0001.fits").write_text("also not")
    with pytest.raises(ReferenceFileError, match=r"jwst_nircam_gain_0001\.fits cannot be read"):
        chosen(folder)


def test_messages_of_missing_references(folder):
    parameters = parse_steps(
        {"picture_frame": {"skip": False},
         "clean_flicker_noise": {"skip": False, "apply_flat_field": True}}, "test"
    )  # fmt: skip
    for kind in FITS_TYPES:
        known = REFERENCE_TYPES[kind]
        (folder / f"jwst_nircam_{kind}_0001.fits").rename(folder / "aside")
        if known.optional:
            assert chosen(folder, kind) is None
        else:
            with pytest.raises(ReferenceFileError) as error:
                select(an_exposure(), parameters, folder)
            message = str(error.value)
            assert message.startswith(f"jw1_nrca1: no {kind} reference for ")
            assert str(folder) in message
            remedy = "do without it" if kind == "flat" else "skip"
            assert (f"override_{kind}=N/A to {remedy}" in message) == (not known.indispensable)
            assert "\n" not in message
        (folder / "aside").rename(folder / f"jwst_nircam_{kind}_0001.fits")


def test_messages_about_the_folder(tmp_path):
    with pytest.raises(ReferenceFileError, match="no folder of reference files was given"):
        chosen(None)
    assert chosen(None, "ipc") is None
    with pytest.raises(ReferenceFileError, match=r"missing: .* does not exist"):
        chosen(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(ReferenceFileError, match=r"file: .* is not a folder"):
        chosen(tmp_path / "file")
    with pytest.raises(ReferenceFileError, match="DATE-OBS"):
        chosen(tmp_path, exposure=an_exposure(date_obs="yesterday"))


def test_overrides_come_first(folder, tmp_path):
    mine = write(tmp_path / "mine.fits", "gain", contents("gain"))
    assert chosen(folder, overrides={"gain": str(mine)}) == "mine.fits"
    assert chosen(None, overrides={"gain": mine}) == "mine.fits"
    assert chosen(folder, overrides={"gain": None}) == "jwst_nircam_gain_0001.fits"
    assert chosen(folder, "dark", overrides={"dark": "n/a"}) is None


@pytest.mark.parametrize(
    ("overrides", "error", "words"),
    [
        ({"gain": "nowhere.fits"}, ReferenceFileError, "override_gain=nowhere.fits: no such file"),
        ({"gain": "."}, ReferenceFileError, r"override_gain=\.: not a file"),
        ({"gain": "N/A"}, ReferenceFileError, "jump and ramp_fit cannot do without"),
        ({"readnoise": "N/A"}, ReferenceFileError, "override_readnoise=N/A: jump and ramp_fit"),
        ({"drak": "N/A"}, ParameterError, "did you mean 'dark'"),
        ({"dark": 7}, ParameterError, "override_dark=7"),
    ],
)
def test_messages_of_overrides(folder, parameters, overrides, error, words):
    with pytest.raises(error, match=words):
        select(an_exposure(), parameters, folder, overrides)


def test_gain_may_be_absent_without_jump_and_fit(folder):
    off = parse_steps({"jump": {"skip": True}, "ramp_fit": {"skip": True}}, "test")
    assert select(an_exposure(), off, folder, {"gain": "N/A"})["gain"] is None


def test_references_of_optics_are_found_by_grating(tmp_path):
    for grating in ("G395H", "G235M"):
        (tmp_path / grating).mkdir()
        nirspec_optics.references(tmp_path / grating, grating)
    (tmp_path / "G395H/msaoper.json").unlink()
    (tmp_path / "G395H/other.json").write_text("[1, 2]")
    (tmp_path / "G395H/damaged_msaoper.json").write_text("{")
    exposure = an_exposure(instrument="NIRSPEC", exp_type="NRS_IFU", grating="G395H")
    found = select(exposure, ["disperser", "msaoper"], tmp_path)
    assert found["disperser"].path == tmp_path / "G395H/disperser.asdf"
    assert found["msaoper"].path == tmp_path / "G235M/msaoper.json"
    prism = an_exposure(instrument="NIRSPEC", grating="PRISM")
    assert select(prism, ["disperser"], tmp_path) == {"disperser": None}
    slits = an_exposure(instrument="NIRSPEC", exp_type="NRS_FIXEDSLIT")
    assert select(slits, ["msaoper"], tmp_path) == {"msaoper": None}


@pytest.mark.parametrize("keywords", [{"GRATING": "MULTIPLE"}, {"GRATING": "MIRROR"}])
def test_only_dispersers_are_chosen_by_grating(folder, keywords):
    (folder / "jwst_nircam_gain_0001.fits").unlink()
    write(folder / "jwst_nircam_gain_0001.fits", "gain", contents("gain"), keywords)
    assert chosen(folder, exposure=an_exposure(grating="G140H")) == "jwst_nircam_gain_0001.fits"
