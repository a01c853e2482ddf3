"""The references and parameters of one exposure after the other, from a folder or from CRDS."""

from pathlib import Path
from typing import NamedTuple

from onramp import references
from onramp.crds_parameters import PARAMETER_TYPES, apply
from onramp.errors import ReferenceFileError
from onramp.parameters import Detector1Parameters
from onramp.reference_manifest import Entry, Manifest, Parameters
from onramp.reference_types import REFERENCE_TYPES, Reference

CRDS, FOLDER, OVERRIDE = "crds", "folder", "override"


class Choice(NamedTuple):
    """What an exposure is calibrated with."""

    manifest: Manifest
    paths: dict[str, Path]
    """Where each reference lies, by type."""
    parameters: Detector1Parameters
    """The user's, over those of parameter files, over the defaults."""
    origins: dict[str, str]
    """Name of the parameter reference by "step.parameter", for values that come from one."""

    @property
    def references(self) -> dict[str, Reference | None]:
        """The reference files by type, as the steps want them."""
        return {
            kind: entry and Reference(kind, self.paths[kind], entry.name, entry.sha256)
            for kind, entry in self.manifest.references.items()
        }


class FolderChooser:
    """
    Chooses from a folder.

    Parameters
    ----------
    folder : str, Path or None
    overrides : mapping of str to str
        Path or "N/A" by type.
    given : ParameterFiles, optional
    """

    source, context = FOLDER, None

    def __init__(self, folder, overrides, given=None):
        self.given = given
        self.folder = folder and references.ReferenceFolder(folder)
        self.overrides = references.check_overrides(overrides)
        self._checked, self._effective = {}, {}
        if self.folder:
            _ = self.folder.index  # a folder that does not exist is everyone's problem

    def choose(self, facts, given: Detector1Parameters, known=None) -> Choice:
        """
        Choose an exposure's references.

        Parameters
        ----------
        facts : ExposureFacts
        given : Detector1Parameters
            What the user has set.
        known : Manifest, optional
            What was chosen before, for files that are not fetched in a dry run.

        Raises
        ------
        OnrampError
            If a file is missing, ambiguous or unusable.
        """
        files = self._parameter_files(facts, known) + (self.given.of(facts) if self.given else ())
        parameters, origins = self._applied(files, given)
        needed = references.needed_types(parameters, facts)
        paths, entries = {}, {}
        for kind, path, source in self._paths(facts, needed):
            paths[kind] = path
            entries[kind] = path and self._entry(kind, path, source, known)
        manifest = Manifest(facts.name, self.source, self.context, entries, files)
        return Choice(manifest, paths, parameters, origins)

    def other(self, facts, kind, only):
        """Return a file of a type that is not stage 1's; `only` finds it in a folder."""
        return only(self.folder and self.folder.folder, kind, facts)

    def digest(self, path):
        """Return a file's sha256, empty in a dry run if it has yet to be fetched."""
        from onramp.reference_digest import digest

        return digest(path).sha256

    def _applied(self, files, given):
        key = id(given), *((file.name, file.sha256) for file in files)
        if key not in self._effective:
            found = apply([(file.name, file.values) for file in files], given)
            self._effective[key] = given, found  # which keeps the id taken
        return self._effective[key][1]

    def _parameter_files(self, facts, known):
        return ()

    def _paths(self, facts, needed):
        """Yield type, path and source of each reference."""
        for kind, steps in needed.items():
            if kind in self.overrides:
                yield kind, references.overriding(kind, steps, self.overrides[kind]), OVERRIDE
            elif self.folder is None:
                found = references.select(facts, [kind], None)[kind]
                yield kind, found and found.path, FOLDER
            else:
                yield kind, self.folder.best(facts, kind, steps), FOLDER

    def _entry(self, kind, path, source, known):
        if (kind, path) not in self._checked:
            found = references.checked(kind, path)
            self._checked[kind, path] = Entry(kind, found.name, found.sha256, source)
        return self._checked[kind, path]


class CrdsChooser(FolderChooser):
    """
    Chooses by CRDS's rules.

    Parameters
    ----------
    rules : Rules
    overrides : mapping of str to str
        Path or "N/A" by type.
    may_fetch : bool
        Whether files that are missing in the cache may be fetched.
    given : ParameterFiles, optional
    """

    source = CRDS

    def __init__(self, rules, overrides, may_fetch=True, given=None):
        from onramp.crds_files import Files

        super().__init__(None, overrides, given)
        self.rules, self.files = rules, Files(rules, may_fetch)
        self.context = rules.context
        self._read = {}

    def _parameter_files(self, facts, known):
        kinds = (kind for kind in REFERENCE_TYPES if kind not in self.overrides)
        self._said = self.rules.choose(facts, [*PARAMETER_TYPES, *kinds])
        named = ((kind, self.rules.name(facts, kind, self._said)) for kind in PARAMETER_TYPES)
        return tuple(self._parameters(kind, name, known) for kind, name in named if name)

    def _parameters(self, kind, name, known):
        from onramp.crds_files import AwaitedError
        from onramp.crds_parameters import read
        from onramp.reference_digest import digest

        if name not in self._read:
            try:
                path = self.files.get(name)
            except AwaitedError:
                before = (file for file in (known.parameters if known else ()) if file.name == name)
                return next(before, Parameters(kind, name, "", {}, {}))
            content = read(path, kind)
            self._read[name] = Parameters(kind, name, digest(path).sha256, *content)
        return self._read[name]

    def _paths(self, facts, needed):
        found, missing = [], []
        for kind, steps in needed.items():
            if kind in self.overrides:
                path = references.overriding(kind, steps, self.overrides[kind])
                found.append((kind, path, OVERRIDE))
                continue
            try:
                name = self.rules.name(facts, kind, self._said)
                if name is None:
                    self._check_dispensable(facts, kind, steps)
                found.append((kind, name and self._path(name), CRDS))
            except ReferenceFileError as problem:
                missing.append(str(problem))
        if missing:
            raise ReferenceFileError("; ".join(missing))
        return found

    def other(self, facts, kind, only):
        """Return the file of a type that is not stage 1's, fetched if need be."""
        name = self.rules.name(facts, kind, self.rules.choose(facts, [kind]))
        if name is None:
            raise ReferenceFileError(
                f"{facts.name}: CRDS context {self.context} has no {kind} for it; give "
                f"override_{kind}"
            )
        return self._path(name)

    def digest(self, path):
        """Return a file's sha256, empty in a dry run if it has yet to be fetched."""
        return "" if path.name in self.files.awaited else super().digest(path)

    def _path(self, name):
        from onramp.crds_files import AwaitedError

        try:
            return self.files.get(name)
        except AwaitedError:
            return self.rules.path(name)

    def _check_dispensable(self, facts, kind, steps):
        known = REFERENCE_TYPES[kind]
        unknown = kind not in self._said and not known.optional
        if unknown or set(steps).intersection(known.indispensable):
            raise ReferenceFileError(
                f"{facts.name}: CRDS context {self.context} has no {kind} for it, and "
                f"{' and '.join(steps)} cannot do without; give override_{kind}"
            )

    def _entry(self, kind, path, source, known):
        if path.name in self.files.awaited:
            before = known and known.references.get(kind)
            if before and before.name == path.name:
                return before
            return Entry(kind, path.name, "", source)
        return super()._entry(kind, path, source, known)


def chooser(
    source, folder=None, overrides=None, context=None, may_fetch=True, parameter_files=None
):
    """
    Return what chooses references.

    Parameters
    ----------
    source : str
        crds or folder.
    folder : str, Path or None
    overrides : mapping of str to str, optional
    context : str, optional
        CRDS context.
    may_fetch : bool
        Whether files that are missing in the CRDS cache may be fetched.
    parameter_files : str, Path or iterable of them, optional
    """
    given = None
    if parameter_files:
        from onramp.parameter_files import ParameterFiles

        given = ParameterFiles(parameter_files)
    if source == FOLDER:
        return FolderChooser(folder, overrides or {}, given)
    from onramp.crds_rules import Rules

    return CrdsChooser(Rules(context), overrides or {}, may_fetch, given)
