"""What an ASDF reference file says of itself, read from the YAML at its head alone."""

import yaml

END = b"\n..."
LARGEST = 1 << 24  # bytes
FACTS = {
    "REFTYPE": ("reftype",),
    "TELESCOP": ("telescope",),
    "INSTRUME": ("instrument", "name"),
    "DETECTOR": ("instrument", "detector"),
    "USEAFTER": ("useafter",),
    "READPATT": ("exposure", "readpatt"),
    "EXP_TYPE": ("exposure", "type"),
    "P_EXP_TY": ("exposure", "p_exptype"),
}
OTHERS = (
    "SUBARRAY", "P_DETECT", "P_SUBARR", "P_READPA", "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2",
)  # fmt: skip


class _Loader(yaml.SafeLoader):
    """Takes tagged nodes as plain values."""


def _plain(loader, _tag, node):
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("", _plain)


def read_facts(path) -> dict:
    """
    Return an ASDF file's metadata under the keywords of FITS headers, None for what it lacks.

    Raises
    ------
    OSError
        If the file cannot be read or is no ASDF file.
    """
    with open(path, "rb") as file:
        content = file.read(LARGEST)
    if not content.startswith(b"#ASDF"):
        raise OSError("not an ASDF file")
    try:
        meta = read_tree(content)["meta"]
        facts = {keyword: _find(meta, place) for keyword, place in FACTS.items()}
    except (yaml.YAMLError, TypeError, KeyError, UnicodeDecodeError) as problem:
        raise OSError("the head of the file is damaged") from problem
    return facts | dict.fromkeys(OTHERS)


def read_tree(content):
    """Return the YAML at the head of an ASDF file, given as bytes."""
    return yaml.load(content.partition(END)[0], _Loader)


def _find(meta, place):
    for name in place:
        meta = meta.get(name) if isinstance(meta, dict) else None
    return meta
