"""The results backend of the embedded Copr: packages and logs on disk, and their directory listings."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lading.testing.messages import ServerResponse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lading.testing.copr._state import Build, BuildChroot

_LIVE = ("builder-live.log", "backend.log")
_AFTERWARDS = ("build.log", "root.log", "state.log")


class Results:
    """The files of builds: results and uploads.

    Attributes:
        directory: Where the files are stored; set before the first request.
    """

    directory: Path

    def __init__(self) -> None:
        # Logs that have been compressed. Their files stay, because a client may be reading one.
        self._compressed: set[Path] = set()

    def store_upload(self, path: Path, place: str, name: str) -> Path:
        """Move an uploaded file to its place in the store, and return its path."""
        target = self.directory / "tmp" / place / name
        target.parent.mkdir(parents=True)
        return path.replace(target)

    def source_directory(self, build: Build) -> Path:
        """Return the directory of the results of the source build."""
        return self._project_directory(build) / "srpm-builds" / f"{build.id:08}"

    def chroot_directory(self, build: Build, chroot: BuildChroot) -> Path:
        """Return the directory of the results of a build in a chroot."""
        return self._project_directory(build) / chroot.name / (chroot.result_dir or f"{build.id:08}")

    def package_directory(self, build: Build, chroot: BuildChroot) -> Path:
        """Return the directory of the packages of a build in a chroot, which is another one if Pulp stores them."""
        directory = self.chroot_directory(build, chroot)
        if build.project.storage != "pulp":
            return directory
        suffix = "-devel" if build.project.options["devel_mode"] else ""
        root = self.directory / "pulp" / self._project_directory(build).relative_to(self.directory / "results")
        return root / f"{chroot.name}{suffix}" / directory.name

    def _project_directory(self, build: Build) -> Path:
        return self.directory / "results" / build.project.ownername / build.dirname

    def log(self, directory: Path, state: str) -> None:
        """Write the logs of a build that is now in *state*."""
        live = {"starting": _LIVE[1:], "running": _LIVE}.get(state, ())
        for name in live:
            self.append(directory, name, f"{name}: {state}\n")

    def append(self, directory: Path, name: str, text: str) -> None:
        """Append text to a log."""
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def compress(self, directory: Path, names: tuple[str, ...] = _LIVE) -> None:
        """Compress logs that are complete."""
        directory.mkdir(parents=True, exist_ok=True)
        for name in names:
            plain = directory / name
            text = plain.read_bytes() if plain.is_file() else f"{name}\n".encode()
            (directory / f"{name}.gz").write_bytes(gzip.compress(text, mtime=0))
            self._compressed.add(plain)

    def is_live(self, directory: Path, name: str) -> bool:
        """Return whether a log is still being written."""
        return (directory / name).is_file() and directory / name not in self._compressed

    def finish(self, build: Build, chroot: BuildChroot, packages: Mapping[str, bytes | Path]) -> None:
        """Write the results of a build in a chroot that has ended; *packages* are files by name."""
        directory = self.chroot_directory(build, chroot)
        self.compress(directory)
        self.compress(directory, _AFTERWARDS)
        name = build.package.name if build.package is not None else str(build.id)
        (directory / "results.json").write_text(json.dumps({"packages": chroot.packages}, indent=4))
        info = f"build_id={build.id}\nbuilder_ip=127.0.0.1\nstatus={chroot.state}\n"
        (directory / "build.info").write_text(info)
        if chroot.state != "succeeded":
            return
        (directory / f"{name}.spec").write_text(
            f"Name: {name}\nVersion: {(build.version or '1.0').partition('-')[0]}\n"
        )
        (directory / "success").write_text("done\n")
        target = self.package_directory(build, chroot)
        target.mkdir(parents=True, exist_ok=True)
        for filename, content in packages.items():
            if isinstance(content, bytes):
                (target / filename).write_bytes(content)
            else:
                shutil.copyfile(content, target / filename)

    def copy(self, build: Build, chroot: BuildChroot, forked: Build, copied: BuildChroot) -> None:
        """Copy the results of a build in a chroot to a forked build."""
        for where in (self.chroot_directory, self.package_directory):
            directory = where(build, chroot)
            if directory.is_dir() and not where(forked, copied).exists():
                live = shutil.ignore_patterns(*_LIVE)
                shutil.copytree(directory, where(forked, copied), ignore=live)

    def remove(self, build: Build) -> None:
        """Remove the results and the upload of a build."""
        shutil.rmtree(self.source_directory(build), ignore_errors=True)
        for chroot in build.chroots.values():
            for directory in (self.chroot_directory(build, chroot), self.package_directory(build, chroot)):
                shutil.rmtree(directory, ignore_errors=True)
        if build.upload is not None:
            build.upload.unlink(missing_ok=True)

    def respond(self, path: str) -> ServerResponse:
        """Respond with the file or the directory listing at *path*, or with a redirect to Pulp's copy."""
        parts = path.strip("/").split("/")
        if any(part in ("", ".", "..") for part in parts) or parts[0] not in ("results", "pulp", "tmp"):
            return _not_found()
        found = self.directory.joinpath(*parts)
        if found.is_file() and found not in self._compressed:
            return ServerResponse(200, _headers(found.name), found)
        if found.is_dir() and parts[0] == "results":
            if not path.endswith("/"):
                return ServerResponse(301, {"Location": quote(f"{path}/", safe="/@:+")})
            return _listing(path, [entry for entry in sorted(found.iterdir()) if entry not in self._compressed])
        elsewhere = self.directory.joinpath("pulp", *parts[1:])
        if parts[0] == "results" and elsewhere.is_file():
            return ServerResponse(302, {"Location": quote(f"/pulp/{'/'.join(parts[1:])}", safe="/@:+")})
        return _not_found()


def _headers(name: str) -> dict[str, str]:
    if name.endswith(".log.gz"):
        # So that browsers show them. The server compresses whether or not the client accepts it.
        return {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    if name.endswith(".rpm"):
        return {"Content-Type": "application/x-rpm"}
    return {"Content-Type": "application/json" if name.endswith(".json") else "text/plain"}


def _not_found() -> ServerResponse:
    return ServerResponse(
        404, {"Content-Type": "text/html"}, b"<html><head><title>404 Not Found</title></head></html>\n"
    )


def _listing(path: str, entries: list[Path]) -> ServerResponse:
    title = f"Index of {escape(path)}"
    names = ["..", *(f"{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries)]
    lines = "".join(f'<li><a href="{quote(name, safe="/@+.")}">{escape(name)}</a></li>\n' for name in names)
    text = f"<html><head><title>{title}</title></head><body>\n<h1>{title}</h1>\n<ul>\n{lines}</ul></body></html>\n"
    return ServerResponse(200, {"Content-Type": "text/html;charset=utf-8"}, text.encode())


_NEVRA = re.compile(r"(?P<name>.+)-(?:(?P<epoch>\d+):)?(?P<version>[^-]+)-(?P<release>[^-]+)\.(?P<arch>[^.]+)")


def read_nevra(name: str) -> dict[str, Any]:
    """Parse the name of a package such as ``hello-1.0-1.noarch``, with an epoch before the version if it has one."""
    match = _NEVRA.fullmatch(name.removesuffix(".rpm"))
    if match is None:
        raise ValueError(f"{name!r} is not the name of a package: name-version-release.arch is needed")
    epoch = int(match["epoch"] or 0)
    return {**{key: match[key] for key in ("name", "version", "release", "arch")}, "epoch": epoch}
