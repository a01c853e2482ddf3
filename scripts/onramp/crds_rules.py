"""Which references CRDS's rules choose for an exposure: the `crds` package, asked politely."""

import contextlib
import importlib
import importlib.util
import io
import logging
import os
import re
import sys
from functools import cached_property
from pathlib import Path
from types import ModuleType, SimpleNamespace

from onramp.errors import ReferenceFileError
from onramp.reference_facts import META

log = logging.getLogger("onramp")

OBSERVATORY = "jwst"
PARAMETERS = "pars-"
"""What types of parameter references begin with."""
CONTEXT = re.compile(r"jwst_\d{4,}\.pmap")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
TIMEOUT_SECONDS = 60
_KNOWN = frozenset({*META.values(), "REFTYPE"})


def load():
    """
    Import `crds`, which takes the better part of a second, and keep it from printing.

    Raises
    ------
    ReferenceFileError
        If it is not installed.
    """
    os.environ.setdefault("CRDS_CLIENT_TIMEOUT_SECONDS", str(TIMEOUT_SECONDS))
    names = {"crds": "crds", "api": "crds.client.api", "proxy": "crds.client.proxy",
             "config": "crds.core.config", "heavy": "crds.core.heavy_client",
             "errors": "crds.core.exceptions", "jwst": "crds.jwst.locate"}  # fmt: skip
    try:
        with _warning_of_stdatamodels():
            package = {name: importlib.import_module(module) for name, module in names.items()}
    except ImportError as problem:
        raise ReferenceFileError(
            f"references.source: crds: {problem.name} is not installed; run "
            f"{sys.executable} -m pip install -e '.[crds]' in onramp's folder, or set "
            "references.source: folder"
        ) from None
    logging.getLogger("CRDS").handlers[:] = [logging.NullHandler()]
    return SimpleNamespace(**package)


@contextlib.contextmanager
def _warning_of_stdatamodels():
    """
    Lend `crds.jwst` the one name that it imports from stdatamodels, where that is not installed.

    It is a warning of its certification of files, which is not used here; stdatamodels would bring
    scipy, which numba imports wherever it finds it, at each job's start.
    """
    if importlib.util.find_spec("stdatamodels"):
        yield
        return
    name = "stdatamodels.exceptions"
    stand_in = ModuleType(name)
    stand_in.ValidationWarning = type("ValidationWarning", (Warning,), {})
    sys.modules["stdatamodels"], sys.modules[name] = ModuleType("stdatamodels"), stand_in
    try:
        yield
    finally:
        del sys.modules["stdatamodels"], sys.modules[name]


@contextlib.contextmanager
def quiet():
    """Keep what `crds` prints on the way to its exceptions off the terminal."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def one_line(problem) -> str:
    """Return an exception of `crds`, or a text, in one line of reasonable length."""
    words = " ".join(str(problem).split())
    return words if len(words) <= 300 else f"{words[:297]}..."


class Rules:
    """
    The rules of one CRDS context, in the cache at $CRDS_PATH.

    Parameters
    ----------
    context : str, optional
        Name such as jwst_1364.pmap; by default $CRDS_CONTEXT, else what the server takes for
        operational, or the cache where there is no server.

    Raises
    ------
    ReferenceFileError
        If there is neither a server nor a cache, or the context is none.
    """

    def __init__(self, context=None):
        self.package = load()
        self.place = Path(self.package.config.get_crds_path())
        self.info = self._server_info()
        self.connected = bool(self.info.connected)
        context = context or os.environ.get("CRDS_CONTEXT") or self._operational()
        if not CONTEXT.fullmatch(context):
            raise ReferenceFileError(
                f"CRDS_CONTEXT={context}: is no context; expected a name such as jwst_1364.pmap"
            )
        self.context = context
        self._instruments, self._unread = {}, {}
        with self._explained(f"references.crds_context={self.context}"):
            try:
                self.package.crds.get_cached_mapping(self.context)
            except OSError as missing:
                if not self.connected:
                    raise
                self._fetch_rules(missing)
                self.package.crds.get_cached_mapping(self.context)

    def _server_info(self):
        server = os.environ.get("CRDS_SERVER_URL")
        try:
            with quiet():
                return self.package.heavy.get_config_info(OBSERVATORY)
        except (OSError, self.package.errors.CrdsError, SystemExit):
            reach = f"server {server} cannot be reached" if server else "CRDS_SERVER_URL is not set"
            raise ReferenceFileError(
                f"CRDS: {reach}, and {self.place} (CRDS_PATH) holds no usable "
                "config/jwst/server_config; "
                "set CRDS_SERVER_URL=https://jwst-crds.stsci.edu, or CRDS_PATH to a filled cache"
            ) from None

    def _operational(self):
        found = self.info.get("latest_context") or self.info.get("operational_context")
        if not found:
            raise ReferenceFileError(
                f"{self.place}/config/jwst/server_config: names no operational context; set "
                "references.crds_context"
            )
        return str(found)

    @cached_property
    def catalogue(self) -> dict:
        """Size and sha1sum of each file, by name, as far as the server or the cache knows them."""
        return self.package.proxy.crds_decode(self.info.get("download_metadata") or {})

    @cached_property
    def bad_files(self) -> frozenset:
        """Names of files that CRDS holds for scientifically invalid."""
        return frozenset(self.info.get("bad_files_list") or ())

    def choose(self, facts, kinds) -> dict[str, str]:
        """
        Ask the rules for the best file of each type.

        Parameters
        ----------
        facts : ExposureFacts
        kinds : iterable of str
            Types of reference, ``pars-`` ones too.

        Returns
        -------
        dict of str to str
            What the rules say, by type, for `name` to judge; nothing for types they do not know.

        Raises
        ------
        ReferenceFileError
            If the rules cannot be had, or do not know the instrument.
        """
        known = self._known(facts, kinds)
        if not known:
            return {}
        header = {META[keyword]: value for keyword, value in facts.keywords.items()}
        with self._explained(facts.name):
            return self.package.crds.getrecommendations(
                header, reftypes=known, context=self.context, observatory=OBSERVATORY, fast=True
            )

    def _known(self, facts, kinds):
        """Return those types that the rules have for an exposure's instrument, the rules loaded."""
        instrument = facts.instrument.lower()
        with self._explained(facts.name):
            try:
                return self._load(facts, instrument, kinds)
            except OSError as missing:
                if not self.connected:
                    raise
                self._fetch_rules(missing)
            return self._load(facts, instrument, kinds)

    def _load(self, facts, instrument, kinds):
        rules = self._instruments.get(instrument)
        if rules is None:
            rules = self.package.crds.get_cached_mapping(self.context).get_imap(instrument)
            if self.bad_files:
                self.package.heavy.warn_bad_context(OBSERVATORY, self.context, instrument)
            self._instruments[instrument] = rules
        known = [kind for kind in kinds if kind in rules.get_filekinds()]
        for kind in known:
            if (instrument, kind) not in self._unread:
                keys = set(rules.get_rmap(kind).get_required_parkeys())
                self._unread[instrument, kind] = sorted(keys - _KNOWN)
        return known

    def _fetch_rules(self, missing):
        from onramp.crds_files import lock

        log.warning("CRDS: fetching the rules of %s (%s)", self.context, one_line(missing))
        with lock(self):
            self.package.api.dump_mappings(self.context)

    @contextlib.contextmanager
    def _explained(self, place):
        try:
            with quiet():
                yield
        except (OSError, self.package.errors.CrdsError, AssertionError) as problem:
            raise ReferenceFileError(
                f"{place}: CRDS context {self.context} in {self.place}: {one_line(problem)}; "
                f"{self.remedy}"
            ) from None

    @property
    def remedy(self):
        """What the user may do about files that are missing."""
        if self.connected:
            return "try again later, or set references.crds_context to another context"
        server = os.environ.get("CRDS_SERVER_URL")
        reach = f"let {server} be reached" if server else "set CRDS_SERVER_URL"
        return f"fill the cache with 'crds sync --contexts {self.context}', or {reach}"

    def name(self, facts, kind, said) -> str | None:
        """
        Return the file's name if what the rules say is one; None where they want no file.

        Raises
        ------
        ReferenceFileError
            If they have none, choose it by what is not known, or hold it for invalid.
        """
        name = said.get(kind)
        if name is not None:
            self._check_keys(facts, kind)
        if name is None or "N/A" in name.upper():
            return None
        if name.startswith("NOT FOUND"):
            if kind.startswith(PARAMETERS):
                return None
            raise ReferenceFileError(
                f"{facts.name}: CRDS context {self.context} has no {kind} for it "
                f"({one_line(name.removeprefix('NOT FOUND '))}); give override_{kind}, or another "
                "references.crds_context"
            )
        if not SAFE_NAME.fullmatch(name):
            raise ReferenceFileError(
                f"{facts.name}: CRDS context {self.context}: {kind} {name!r} is no file name; give "
                f"override_{kind}"
            )
        if name in self.bad_files and not self.package.config.ALLOW_BAD_REFERENCES:
            raise ReferenceFileError(
                f"{facts.name}: {name}: CRDS holds it for scientifically invalid; take a later "
                f"references.crds_context, or give override_{kind}"
            )
        return name

    def _check_keys(self, facts, kind):
        """Refuse rules that depend on keywords that are not read."""
        unknown = self._unread[facts.instrument.lower(), kind]
        if unknown:
            raise ReferenceFileError(
                f"{facts.name}: CRDS context {self.context} chooses {kind} by "
                f"{', '.join(unknown)}, which is not read; give override_{kind}, or another "
                "references.crds_context"
            )

    def path(self, name) -> Path:
        """Return where the cache has, or would have, a reference file."""
        return Path(self.package.config.locate_file(name, OBSERVATORY))
