"""Cards of FITS headers: where they stand, how new ones get in, and odd keywords and values."""

BLOCK, CARD = 2880, 80
STRUCTURE = (
    "SIMPLE XTENSION BITPIX NAXIS NAXIS1 NAXIS2 NAXIS3 NAXIS4 PCOUNT GCOUNT EXTEND GROUPS EXTNAME "
    "EXTVER EXTLEVEL BZERO BSCALE BLANK ZIMAGE ZBITPIX TFIELDS TFORM1 TFORM2 TFORM3 TTYPE1 TTYPE2 "
    "TTYPE3 TZERO1 TZERO2 TSCAL2 TNULL2 TDIM1 THEAP CHECKSUM DATASUM END"
)
USED = (
    "INSTRUME DETECTOR EXP_TYPE READPATT SUBARRAY DATE-OBS TIME-OBS NINTS NGROUPS NFRAMES GROUPGAP "
    "TGROUP TFRAME SUBSTRT1 SUBSTRT2 SUBSIZE1 SUBSIZE2 FASTAXIS SLOWAXIS INTSTART INTEND NOUTPUTS "
    "FRMDIVSR DRPFRMS1 ZEROFRAM GAINFACT MSTR_RD1 SSTR_NST REFTYPE TELESCOP USEAFTER P_DETECT "
    "P_SUBARR P_READPA P_EXP_TY AVDRKCUR FILENAME DATE DATAMODL R_DARK S_JUMP PRIMECRS BUNIT"
)
VALUES = (
    *("0", "-1", "1", "2", "3", "8", "16", "32", "64", "-32", "-64", "999", "2048", "32768"),
    *("2147483647", "2147483648", "-2147483648", "4294967296", "9223372036854775807"),
    *("18446744073709551616", "9" * 40, "1E300", "-1E300", "1E400", "1E-320", "0.5", "2.0", "NAN"),
    *("INF", "-INF", "T", "F", "", "''", "'FULL'", "'N/A'", "'ANY'", "'SCI'", "'IMAGE   '"),
    *("'BINTABLE'", "'TABLE   '", "'A3DTABLE'", "'1PJ(9)'", "'1QD(99)'", "'999999999D'", "'40A'"),
    *("'0J'", "'3X'", "'(2,2)'", "'../../etc/passwd'", "'$\\frac'", "'a&<b>\"c'", "'it''s'"),
    *("'open", "'__import__(''os'')'", "(1.0, 2.0)", "1 2", "0x10", "1_000", "True", "None"),
    *("'2023-02-30'", "'9999-99-99T99'", "'2024-01-01T00:00:00+05:00'", "'%s%n{0}'"),
)
CONTROLS = (b"\x1b[31m", b"\x00", b"\n", b"\r", b"\x07", b"\x7f", b"\x9b", b"\xe9", b"\xff", b"\t")


def headers(content):
    """Return (start, past the end) of each header that begins at a block, up to its END card."""
    found = []
    for start in range(0, len(content), BLOCK):
        if not content.startswith((b"SIMPLE  =", b"XTENSION="), start):
            continue
        for end in range(start, min(len(content), start + 40 * BLOCK), CARD):
            if content[end : end + CARD].rstrip() == b"END":
                found.append((start, end))
                break
    return found


def card(keyword, value):
    """Return a card's bytes with any text for its value."""
    return f"{keyword[:8]:8}= {value:>20}".encode("latin-1")[:CARD].ljust(CARD)


def any_header(rng, content):
    places = headers(content)
    return places[rng.integers(len(places))] if places else (0, min(len(content), BLOCK))


def insert(content, place, new):
    """Insert cards before a header's END, moving what follows by whole blocks if it must."""
    start, end = place
    head = content[start:end] + new + b"END".ljust(CARD)
    head = head.ljust(-(-len(head) // BLOCK) * BLOCK)
    after = start + -(-(end + CARD - start) // BLOCK) * BLOCK
    return content[:start] + head + content[after:]
