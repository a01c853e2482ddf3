"""
ASDF files of plain values and arrays, read without asdf.

To open any file, asdf imports all that any installed library can keep in such files: a second or
more, of which a tree of numbers needs nothing.
"""

import bz2
import struct
import zlib

import numpy as np

from onramp.asdf_facts import END, plain_tree

MAGIC = b"\xd3BLK"
SIZE = struct.Struct(">H")
HEADER = struct.Struct(">I4sQQQ16s")  # flags, compression, allocated, used, data, checksum
STREAMED = 1
TYPES = {
    name: np.dtype(name)
    for name in (
        *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
        "float32",
        "float64",
    )
}
ORDERS = {"little": "<", "big": ">"}
EXPANDED = {
    b"\0\0\0\0": bytes,
    b"zlib": zlib.decompress,
    b"bzp2": bz2.decompress,
}
DESCRIBED = {"source", "datatype", "byteorder", "shape"}


class UnusualError(Exception):
    """The file has something that only asdf can read."""


def read(path) -> dict:
    """
    Return the tree of an ASDF file, arrays included.

    Raises
    ------
    OSError
        If the file cannot be read, is no ASDF file or is damaged.
    UnusualError
        If it has arrays that are not plain, such as streamed or masked ones.
    """
    with open(path, "rb") as file:
        content = file.read()
    tree = plain_tree(content)
    blocks = _Blocks(content)
    try:
        return _filled(tree, blocks)
    except (struct.error, ValueError, zlib.error) as problem:
        raise OSError(f"damaged: {problem}") from problem


class _Blocks:
    """The blocks of binary data that follow the tree, in order."""

    def __init__(self, content):
        self._content = content
        found = content.find(END)
        self._starts = [max(content.find(MAGIC, found), 0)]

    def __getitem__(self, number):
        while len(self._starts) <= number:
            _, allocated, *_, start = self._header(self._starts[-1])
            self._starts.append(start + allocated)
        compression, _, used, size, start = self._header(self._starts[number])
        if compression not in EXPANDED:
            raise UnusualError(f"compression {compression!r}")
        if start + used > len(self._content):
            raise OSError("truncated")
        found = EXPANDED[compression](self._content[start : start + used])
        if len(found) < size:
            raise OSError("truncated")
        return found

    def _header(self, place):
        if self._content[place : place + len(MAGIC)] != MAGIC:
            raise OSError("truncated")
        place += len(MAGIC)
        (length,) = SIZE.unpack_from(self._content, place)
        place += SIZE.size
        flags, compression, allocated, used, size, _ = HEADER.unpack_from(self._content, place)
        if flags & STREAMED:
            raise UnusualError("streamed")
        return compression, allocated, used, size, place + length


def _filled(node, blocks):
    """Return a tree with arrays in the places where they are described."""
    if isinstance(node, list):
        return [_filled(each, blocks) for each in node]
    if not isinstance(node, dict):
        return node
    if "datatype" in node and ("source" in node or "data" in node):
        return _array(node, blocks)
    return {name: _filled(value, blocks) for name, value in node.items()}


def _array(node, blocks):
    source, shape = node.get("source"), node.get("shape")
    kind, order = str(node["datatype"]), str(node.get("byteorder", "little"))
    if (
        node.keys() - DESCRIBED
        or not (isinstance(source, int) and source >= 0)
        or not (isinstance(shape, list) and all(isinstance(n, int) for n in shape))
        or not (kind in TYPES and order in ORDERS)
    ):
        raise UnusualError(f"array of {kind}, source {source}")
    stored = TYPES[kind].newbyteorder(ORDERS[order])
    count = int(np.prod(shape))
    found = np.frombuffer(blocks[source], stored, count)
    return found.astype(stored.newbyteorder("=")).reshape(shape)
