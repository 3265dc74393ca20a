"""The lifecycle of builds at the embedded Copr: they advance by one state, or finish at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lading.testing.copr._results import read_nevra
from lading.testing.copr._state import FINISHED, STATES, BuildChroot, Package

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lading.testing.copr._results import Results
    from lading.testing.copr._state import Build, CoprState

_SOURCE = {"pending": "starting", "starting": "running", "running": "importing", "importing": "succeeded"}
_CHROOT = {"waiting": "pending", "pending": "starting", "starting": "running", "running": "succeeded"}


class BuildLifecycle:
    """Moves builds from state to state. Every method is called with the state's lock held."""

    def __init__(self, state: CoprState, results: Results) -> None:
        self._state = state
        self._results = results

    def advance(self, build: Build) -> None:
        """Advance a build by one state: first the source build, then all chroots together. Final states stay."""
        if build.canceled:
            self._end_canceled(build)
        elif build.forced is None and build.source_state in _SOURCE:
            self._move_source(build, _SOURCE[build.source_state])
        elif build.forced is None and build.source_state == "succeeded":
            for chroot in build.chroots.values():
                if chroot.state in _CHROOT:
                    self._move_chroot(build, chroot, _CHROOT[chroot.state], None)

    def finish(
        self,
        build: Build,
        state: str,
        chroots: Mapping[str, str] | None,
        packages: Mapping[str, bytes] | Iterable[str] | None,
        source: bool,
    ) -> None:
        """Finish a build at once in *state*, with some chroots in other states."""
        wanted = {state, *(chroots or {}).values()}
        if not wanted <= FINISHED:
            raise ValueError(f"a build does not end as {', '.join(sorted(wanted - FINISHED))}")
        if state == "canceled" and not chroots:
            build.canceled = True
            self._end_canceled(build)
            return
        if source:
            if state != "failed":
                raise ValueError("a build can end with its source build only as failed")
            self._move_source(build, state)
            return
        while build.source_state != "succeeded":
            self._move_source(build, _SOURCE.get(build.source_state, "succeeded"))
        unknown = set(chroots or {}) - set(build.chroots)
        if unknown:
            raise LookupError(f"build {build.id} has no chroot {', '.join(sorted(unknown))}")
        for name, chroot in build.chroots.items():
            if chroot.state not in FINISHED:
                self._move_chroot(build, chroot, (chroots or {}).get(name, state), packages)

    def set_state(self, build: Build, state: str | None) -> None:
        """Report a build as in *state*, whatever the states of its parts."""
        if state is not None and state not in STATES and not state.isidentifier():
            raise ValueError(f"{state!r} is not a state")
        build.forced = state

    def _end_canceled(self, build: Build) -> None:
        if build.source_state in _SOURCE:
            build.source_state = "canceled"
            self._results.compress(self._results.source_directory(build))
        for chroot in build.chroots.values():
            if chroot.state not in FINISHED:
                chroot.move("canceled", self._state.clock.timestamp)
                if chroot.result_dir is not None:
                    self._results.finish(build, chroot, {})

    def _move_source(self, build: Build, state: str) -> None:
        build.source_state = state
        directory = self._results.source_directory(build)
        self._results.log(directory, state)
        if state in ("importing", "failed"):
            self._results.compress(directory)
        if state == "succeeded":
            self._import(build, directory)

    def _import(self, build: Build, directory: Path) -> None:
        """Import the source: set the package, its version and the chroots of a build."""
        name, version = _identify(build)
        project = build.project
        if build.package is None:
            if name not in project.packages:
                package = Package(self._state.ids.next("package"), name, project, build.source_type, dict(build.source))
                project.packages[name] = package
            build.package = project.packages[name]
        build.version = version
        self._results.compress(directory)
        if build.source_type == "rpm_upload":
            self._start_chroots(build, name)
            return
        srpm = f"{name}-{version}.src.rpm"
        uploaded = build.upload is not None and build.upload.name.endswith(".rpm")
        content = build.upload.read_bytes() if build.upload is not None and uploaded else srpm.encode()
        (directory / srpm).write_bytes(content)
        build.url = f"/results/{project.ownername}/{build.dirname}/srpm-builds/{build.id:08}/{srpm}"
        self._start_chroots(build, name)

    def _start_chroots(self, build: Build, name: str) -> None:
        """Set the chroots of a build to pending."""
        for wanted in build.project.chroots if not build.chroots else ():
            build.chroots[wanted] = BuildChroot(self._state.ids.next("build_chroot"), wanted)
        for chroot in build.chroots.values():
            chroot.state = "pending"
            chroot.result_dir = f"{build.id:08}-{name}"

    def _move_chroot(
        self, build: Build, chroot: BuildChroot, state: str, packages: Mapping[str, bytes] | Iterable[str] | None
    ) -> None:
        chroot.move(state, self._state.clock.timestamp)
        directory = self._results.chroot_directory(build, chroot)
        self._results.log(directory, state)
        if state not in FINISHED:
            return
        files = self._built(build, chroot, packages) if state == "succeeded" else {}
        self._results.finish(build, chroot, files)

    def _built(
        self, build: Build, chroot: BuildChroot, packages: Mapping[str, bytes] | Iterable[str] | None
    ) -> dict[str, bytes | Path]:
        """Set the packages of a chroot, and return their files."""
        name, version = _identify(build)
        source = f"{name}-{version}.src"
        if packages is None and build.source_type == "rpm_upload" and build.upload is not None:
            packages = {build.upload.name: build.upload.read_bytes()}
        if packages is None:
            packages = [f"{name}-{version}.{chroot.name.rpartition('-')[2]}", source]
        contents: dict[str, bytes | None] = {}
        if isinstance(packages, Mapping):
            contents.update(packages)
        else:
            contents.update(dict.fromkeys(packages))
        files: dict[str, bytes | Path] = {}
        chroot.packages = []
        for given, content in contents.items():
            nevra = read_nevra(given)
            chroot.packages.append(nevra)
            filename = "{name}-{version}-{release}.{arch}.rpm".format(**nevra)
            stored = self._results.source_directory(build) / filename
            if content is not None:
                files[filename] = content
            else:
                files[filename] = stored if stored.is_file() else f"{filename}\n".encode()
        return files


def _identify(build: Build) -> tuple[str, str]:
    """Return the name and the version of the package, from the name of its file or from the source."""
    source = build.source
    filename = build.upload.name if build.upload is not None else urlsplit(source.get("url") or "").path
    stem = filename.rpartition("/")[2]
    parts: list[str] = []
    if build.source_type == "rpm_upload":
        nevra = read_nevra(stem)
        return str(nevra["name"]), f"{nevra['version']}-{nevra['release']}"
    for end in (".nosrc.rpm", ".src.rpm", ".spec", ".rpm"):
        if stem.endswith(end):
            stem = stem.removesuffix(end)
            parts = stem.rsplit("-", 2) if end.endswith("src.rpm") else []
            break
    version = build.version or ("-".join(parts[1:]) if len(parts) == 3 else "1.0-1")
    if build.package is not None:
        return build.package.name, version
    if len(parts) == 3:
        return parts[0], version
    guesses = {
        "pypi": f"python-{source.get('pypi_package_name')}",
        "rubygems": f"rubygem-{source.get('gem_name')}",
        "custom": f"custom-{build.id}",
    }
    url = str(source.get("clone_url") or "")
    named = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return guesses.get(build.source_type) or stem or named or f"build-{build.id}", version
