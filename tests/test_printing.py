import io
import logging

import pytest
from onramp.errors import InputError, OnrampError
from onramp.printing import PlainFormatter, printable

TEXTS = {
    "plain text, caf\xe9": "plain text, caf\xe9",
    "two\nlines\r\n  and more": "two lines and more",
    "\x1b[31mred": "\\x1b[31mred",
    "a\x00b\x7f\x9b": "a\\x00b\\x7f\\x9b",
    "\u202eleft": "\\u202eleft",
    "\udce9": "\\udce9",
    "tab\there": "tab\\there",
}


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_not_printable_is_escaped(text):
    assert printable(text) == TEXTS[text]
    assert printable(text).isprintable()
    assert str(OnrampError(text)) == str(InputError(text)) == TEXTS[text]


def test_logs(tmp_path):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.warning("a\x1b%s", "b\nc")
    assert stream.getvalue() == "WARNING a\\x1bb c\n"
    try:
        raise ValueError("d\x07")
    except ValueError:
        logger.exception("e")
    first, *_, last = stream.getvalue().splitlines()[1:]
    assert (first, last) == ("ERROR e", "ValueError: d\\x07")
