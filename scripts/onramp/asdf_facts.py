"""What an ASDF reference file says of itself, read from the YAML at its head alone."""

import yaml

END = b"\n..."
TO_BE_FILLED_IN = "<SPECIFY>"
"""Stands in the metadata of parameter files that have been exported and not been edited."""
LARGEST = 1 << 24  # bytes
FACTS = {
    "REFTYPE": ("reftype",),
    "TELESCOP": ("telescope",),
    "INSTRUME": ("instrument", "name"),
    "DETECTOR": ("instrument", "detector"),
    "GRATING": ("instrument", "grating"),
    "USEAFTER": ("useafter",),
    "READPATT": ("exposure", "readpatt"),
    "EXP_TYPE": ("exposure", "type"),
    "P_EXP_TY": ("exposure", "p_exptype"),
    "P_GRATIN": ("instrument", "p_grating"),
}
OTHERS = (
    "SUBARRAY", "P_DETECT", "P_SUBARR", "P_READPA", "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2",
)  # fmt: skip


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Takes tagged nodes as plain values; by the library of C, if PyYAML was built with it."""


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
    tree = read_tree(path)
    if "meta" not in tree:
        raise OSError("the head of the file is damaged")
    return facts_of(tree)


def read_tree(path) -> dict:
    """
    Return the tree of an ASDF file as plain values, of arrays what describes them.

    Raises
    ------
    OSError
        As `read_facts`.
    """
    with open(path, "rb") as file:
        return plain_tree(file.read(LARGEST))


def plain_tree(content) -> dict:
    """Return the tree at the head of an ASDF file's content; as `read_tree`."""
    if not content.startswith(b"#ASDF"):
        raise OSError("not an ASDF file")
    try:
        tree = read_head(content)
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise OSError("the head of the file is damaged") from problem
    if not isinstance(tree, dict):
        raise OSError("the head of the file is damaged")
    return tree


def facts_of(tree) -> dict:
    """Return the metadata of a tree under the keywords of FITS headers, None for what it lacks."""
    found = {keyword: _find(tree.get("meta"), place) for keyword, place in FACTS.items()}
    told = {
        keyword: None if value == TO_BE_FILLED_IN else value for keyword, value in found.items()
    }
    return told | dict.fromkeys(OTHERS)


def read_head(content):
    """Return the YAML at the head of an ASDF file, given as bytes."""
    loader = _Loader(content.partition(END)[0])
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _find(meta, place):
    for name in place:
        meta = meta.get(name) if isinstance(meta, dict) else None
    return meta
