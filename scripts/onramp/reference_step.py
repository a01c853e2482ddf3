"""The serial step before all jobs: a manifest of references for each exposure of a workflow."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from onramp import named_files, reference_manifest
from onramp.crds_parameters import apply
from onramp.errors import OnrampError, ParameterError
from onramp.output_folders import make_output_folder
from onramp.reference_choice import CRDS, chooser
from onramp.reference_facts import read_facts
from onramp.targets import suffixes
from onramp.wfss_contam import STEP

FOLDER = "references"
CONTEXT = "crds_context.txt"
WRITE, PLAN, LOOK, READ = "write", "plan", "look", "read"


class ReferenceStep:
    """
    Chooses the references of a workflow's exposures, each when it is first asked for.

    Parameters
    ----------
    configuration : Configuration
    mode : str
        WRITE chooses, fetches and writes manifests; PLAN chooses and leaves no trace, for dry runs;
        READ takes manifests as they are, in jobs; LOOK as well, for reports, but does without those
        that are missing.

    Raises
    ------
    ReferenceFileError
        If the folder or CRDS's rules cannot be had at all.
    """

    def __init__(self, configuration, mode):
        self.configuration, self.mode = configuration, mode
        self.results = Path(configuration.output_dir)
        self.folder = self.results / FOLDER
        self._found, self._effective, self._told = {}, {}, set()
        self._unwritten = None
        if mode in (LOOK, READ):
            return
        options = configuration.references
        context = pinned(options, self.results) if options.source == CRDS else None
        self.chooser = chooser(
            options.source, options.folder, options.override, context, mode == WRITE,
            configuration.parameter_files,
        )  # fmt: skip
        self.places = reference_manifest.Places(self.folder)
        if mode == WRITE and options.source == CRDS and not options.crds_context:
            _write_down(self.chooser.context, self.results)

    def manifest(self, target) -> str:
        """Return the path of an exposure's manifest, one that is up to date."""
        return self._of(target)[0]

    def parameters(self, target):
        """Return the parameters of an exposure's steps, those of parameter files included."""
        return self._of(target)[1]

    def _of(self, target):
        if target.exposure not in self._found:
            path = self.folder / f"{target.exposure}.json"
            known = reference_manifest.read(path)
            if self.mode in (LOOK, READ):
                there = path if known or self.mode == READ else self._stand_in()
                found = str(there), self._parameters(known, target)
            else:
                found = self._choose(target, path, known)
            self._found[target.exposure] = found
        return self._found[target.exposure]

    def slitless(self, name, cutouts) -> str:
        """Return the path of the manifest of a grism exposure, one that is up to date."""
        key = f"{STEP}/{name}"
        if key not in self._found:
            path = self.folder / f"{key}.json"
            known = reference_manifest.read(path)
            if self.mode in (LOOK, READ):
                self._found[key] = path if known or self.mode == READ else self._stand_in()
            else:
                from onramp.wfss.references import manifest

                chosen, paths = manifest(self.chooser, cutouts, name)
                for kind, entry in chosen.references.items():
                    if entry.sha256 and self.mode == WRITE:
                        self.places.set(entry.sha256, os.path.abspath(paths[kind]))
                self._found[key] = self._up_to_date(chosen, path, known)
        return str(self._found[key])

    def _choose(self, target, path, known):
        manifest, parameters = self._chosen(target, known)
        return str(self._up_to_date(manifest, path, known)), parameters

    def _up_to_date(self, manifest, path, known):
        """Write a manifest if its content is new; return its path, in a dry run a stand-in."""
        if self.mode == PLAN:
            same = known is not None and known.content == manifest.content
            return path if same else self._stand_in()
        reference_manifest.write(manifest, path)
        return path

    def _chosen(self, target, known):
        """Return an exposure's manifest and parameters; what is wrong is for its job to tell."""
        given = target.parameters
        try:
            facts = read_facts(target.uncal, target.exposure)
            choice = self.chooser.choose(facts, given, known)
            self._check_products(target, choice)
        except OnrampError as problem:
            manifest = reference_manifest.Manifest(
                target.exposure, self.chooser.source, self.chooser.context, {}, (), str(problem)
            )
            return manifest, given
        for kind, entry in choice.manifest.references.items():
            if entry and entry.sha256 and self.mode == WRITE:
                self.places.set(entry.sha256, os.path.abspath(choice.paths[kind]))
        self._tell_unused(choice.manifest)
        files = named_files.digests(target.uncal, facts.exp_type, choice.parameters)
        return choice.manifest._replace(files=files or None), choice.parameters

    def _check_products(self, target, choice):
        ramp = self.configuration.save_calibrated_ramp
        if suffixes(choice.parameters, ramp) != suffixes(target.parameters, ramp):
            names = ", ".join(sorted(set(choice.origins.values())))
            raise ParameterError(
                f"{target.exposure}: with the parameters of {names} there would be other products; "
                "set ramp_fit's skip and algorithm in the configuration"
            )

    def _parameters(self, known, target):
        if known is None or not known.parameters:
            return target.parameters
        try:
            return apply([(f.name, f.values) for f in known.parameters], target.parameters)[0]
        except ParameterError:
            return target.parameters

    def _tell_unused(self, manifest):
        for file in manifest.parameters:
            if file.unused and file.name not in self._told:
                self._told.add(file.name)
                values = ", ".join(f"{name}={value}" for name, value in file.unused.items())
                print(f"onramp: {file.name}: not used: {values}", file=sys.stderr)

    def _stand_in(self):
        """Return a file that stands for manifests that a dry run does not write."""
        if self._unwritten is None:
            folder = tempfile.mkdtemp(prefix="onramp-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            self._unwritten = Path(folder, "references.json")
            self._unwritten.write_text("{}")
        return self._unwritten


def pinned(options, results) -> str | None:
    """
    Return the CRDS context of a run: configured, else written down by an earlier run, else None.

    Raises
    ------
    ParameterError
        If what was written down is no context.
    """
    from onramp.crds_rules import CONTEXT as NAME

    if options.crds_context:
        return options.crds_context
    path = Path(results) / CONTEXT
    if not path.exists():
        return None
    context = path.read_text().strip()
    if not NAME.fullmatch(context):
        raise ParameterError(
            f"{path}: '{context[:40]}' is no CRDS context; remove the file, or set "
            "references.crds_context"
        )
    wanted = os.environ.get("CRDS_CONTEXT")
    if wanted and wanted != context:
        print(
            f"onramp: CRDS_CONTEXT={wanted} is not used: {path} says {context}; remove that file, "
            "or set references.crds_context",
            file=sys.stderr,
        )
    return context


def _write_down(context, results):
    path = Path(results) / CONTEXT
    if not path.exists():
        make_output_folder(path.parent)
        part = path.with_name(f".{CONTEXT}.{os.getpid()}.part")
        part.write_text(f"{context}\n")
        os.replace(part, path)
