"""A small CRDS cache: rules of two contexts, references and parameter references."""

import hashlib
import os
import pprint
import shutil
from pathlib import Path

import asdf
from astropy.io import fits

MATCHED = "META.INSTRUMENT.DETECTOR"
DATE = "META.OBSERVATION.DATE", "META.OBSERVATION.TIME"
SINCE = "2022-01-01 00:00:00"


class Cache:
    """
    A folder laid out as a CRDS cache.

    Parameters
    ----------
    folder : Path
        To be filled; what $CRDS_PATH is.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.mappings = self.folder / "mappings" / "jwst"
        self.references = self.folder / "references" / "jwst"
        self.chosen = {}
        """Name of the reference by instrument, type, and detector (or the keyword's value)."""
        self.parkeys = {}
        """Keywords of a type's rules, where they are not the detector."""

    def add(self, instrument, kind, value, source, name=None):
        """Copy a file into the cache, and let the rules choose it for a detector."""
        name = name or Path(source).name
        place = self.references / instrument.lower() / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, place)
        self.chosen.setdefault(instrument, {}).setdefault(kind, {})[value] = name
        return place

    def add_parameters(self, instrument, kind, content, name, value="N/A"):
        """Write a parameter reference, and let the rules choose it."""
        place = self.references / instrument.lower() / name
        place.parent.mkdir(parents=True, exist_ok=True)
        meta = {"reftype": kind, "telescope": "JWST"}
        asdf.AsdfFile({**content, "meta": meta}).write_to(place)
        self.chosen.setdefault(instrument, {}).setdefault(kind, {})[value] = name
        return place

    def write_rules(self, number, operational=True):
        """Write the context with this number, and make it the operational one."""
        instruments = {}
        for instrument, kinds in self.chosen.items():
            types = {kind.upper(): self._rmap(instrument, kind, rows, number)
                     for kind, rows in kinds.items()}  # fmt: skip
            name = f"jwst_{instrument.lower()}_{number:04}.imap"
            self._write(
                name, "INSTRUMENT", {"instrument": instrument, "parkey": ("REFTYPE",)}, types
            )
            instruments[instrument] = name
        header = {"parkey": ("META.INSTRUMENT.NAME",)}
        name = f"jwst_{number:04}.pmap"
        self._write(name, "PIPELINE", header, instruments)
        if operational:
            self.write_config(name)
        return name

    def write_config(self, context, **more):
        """Write what the server told last."""
        info = {
            "operational_context": context,
            "observatory": "jwst",
            "bad_files_list": [],
            "force_remote_mode": False,
            "last_synced": "2026-01-01",
            "crds_version": {"str": "14"},
            "download_metadata": self.catalogue(),
            **more,
        }
        place = self.folder / "config" / "jwst" / "server_config"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(pprint.pformat(info))
        (place.parent / "ref_cache_subdir_mode").write_text("instrument")

    def catalogue(self):
        """Return size and sha1sum of each file, by name."""
        found = {}
        for place in (self.mappings, self.references):
            for path in place.rglob("*.*"):
                content = path.read_bytes()
                sha1 = hashlib.sha1(content).hexdigest()
                found[path.name] = {"size": str(len(content)), "sha1sum": sha1}
        return found

    def _rmap(self, instrument, kind, rows, number):
        matched = self.parkeys.get((instrument, kind), (MATCHED,))
        header = {"instrument": instrument, "filekind": kind.upper(), "filetype": kind.upper(),
                  "parkey": (matched, DATE), "suffix": kind, "classes": ("Match", "UseAfter"),
                  "file_ext": ".fits", "text_descr": kind}  # fmt: skip
        case = "    {!r} : UseAfter({{\n        '{}' : '{}',\n    }}),\n"
        cases = "".join(case.format((value,) * len(matched), SINCE, name)
                        for value, name in sorted(rows.items()))  # fmt: skip
        name = f"jwst_{instrument.lower()}_{kind}_{number:04}.rmap"
        text = f"selector = Match({{\n{cases}}})\n"
        self._write_text(name, self._header(name, "REFERENCE", header), text)
        return name

    def _write(self, name, kind, header, rows):
        text = "selector = {\n" + "".join(f"    {k!r} : {v!r},\n" for k, v in rows.items()) + "}\n"
        self._write_text(name, self._header(name, kind, header), text)

    def _header(self, name, kind, more):
        return {"mapping": kind, "name": name, "observatory": "JWST", "derived_from": "scratch",
                "sha1sum": "", **more}  # fmt: skip

    def _write_text(self, name, header, selector):
        def text(sha1sum):
            rows = "".join(f"    {key!r} : {value!r},\n" for key, value in
                           sorted({**header, "sha1sum": sha1sum}.items()))  # fmt: skip
            return f"header = {{\n{rows}}}\n\n{selector}"

        plain = "".join(line for line in text("").splitlines(True) if "sha1sum" not in line)
        self.mappings.mkdir(parents=True, exist_ok=True)
        sha1sum = hashlib.sha1(plain.encode()).hexdigest()
        (self.mappings / name).write_text(text(sha1sum))


def fill_from_folder(cache, folder):
    """Put the references of simulated exposures into a cache."""
    for path in sorted(Path(folder).glob("*.fits")):
        header = fits.getheader(path)
        cache.add(header["INSTRUME"], header["REFTYPE"].lower(), header["DETECTOR"], path)
    return cache


def environment(cache, **more):
    """Return the environment of a user without a server."""
    others = ("CRDS_", "ONRAMP_", "PYTHONPATH", "SNAKEMAKE", "SLURM")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**ours, "CRDS_PATH": str(cache.folder), **more}
