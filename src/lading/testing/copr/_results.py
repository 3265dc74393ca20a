"""What builds leave behind, on disk: packages, logs, and the folders that they are listed in."""

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
    """The results backend, and the uploads.

    Attributes:
        folder: Where all of it is; given before the first request comes.
    """

    folder: Path

    def __init__(self) -> None:
        # Logs that are compressed by now. They stay where they are: somebody may be reading one.
        self._gone: set[Path] = set()

    def keep_upload(self, path: Path, place: str, name: str) -> Path:
        """Where an uploaded file is from now on."""
        target = self.folder / "tmp" / place / name
        target.parent.mkdir(parents=True)
        return path.replace(target)

    def source_folder(self, build: Build) -> Path:
        """Where the results of the source build are."""
        return self._project_folder(build) / "srpm-builds" / f"{build.id:08}"

    def chroot_folder(self, build: Build, chroot: BuildChroot) -> Path:
        """Where the results of a build in a chroot are."""
        return self._project_folder(build) / chroot.name / (chroot.result_dir or f"{build.id:08}")

    def package_folder(self, build: Build, chroot: BuildChroot) -> Path:
        """Where its packages are: elsewhere, when they are kept by Pulp."""
        folder = self.chroot_folder(build, chroot)
        if build.project.storage != "pulp":
            return folder
        suffix = "-devel" if build.project.options["devel_mode"] else ""
        root = self.folder / "pulp" / self._project_folder(build).relative_to(self.folder / "results")
        return root / f"{chroot.name}{suffix}" / folder.name

    def _project_folder(self, build: Build) -> Path:
        return self.folder / "results" / build.project.ownername / build.dirname

    def log(self, folder: Path, state: str) -> None:
        """Let the logs be those of a build in *state*."""
        live = {"starting": _LIVE[1:], "running": _LIVE}.get(state, ())
        for name in live:
            self.append(folder, name, f"{name}: {state}\n")

    def append(self, folder: Path, name: str, text: str) -> None:
        """Let a log grow."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)

    def compress(self, folder: Path, names: tuple[str, ...] = _LIVE) -> None:
        """Compress logs, as is done when nothing more will be written."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            plain = folder / name
            text = plain.read_bytes() if plain.is_file() else f"{name}\n".encode()
            (folder / f"{name}.gz").write_bytes(gzip.compress(text, mtime=0))
            self._gone.add(plain)

    def is_live(self, folder: Path, name: str) -> bool:
        """Whether a log is still being written."""
        return (folder / name).is_file() and folder / name not in self._gone

    def finish(self, build: Build, chroot: BuildChroot, packages: Mapping[str, bytes | Path]) -> None:
        """Write down how a build in a chroot ended; *packages* are files by name."""
        folder = self.chroot_folder(build, chroot)
        self.compress(folder)
        self.compress(folder, _AFTERWARDS)
        name = build.package.name if build.package is not None else str(build.id)
        (folder / "results.json").write_text(json.dumps({"packages": chroot.packages}, indent=4))
        info = f"build_id={build.id}\nbuilder_ip=127.0.0.1\nstatus={chroot.state}\n"
        (folder / "build.info").write_text(info)
        if chroot.state != "succeeded":
            return
        (folder / f"{name}.spec").write_text(f"Name: {name}\nVersion: {(build.version or '1.0').partition('-')[0]}\n")
        (folder / "success").write_text("done\n")
        target = self.package_folder(build, chroot)
        target.mkdir(parents=True, exist_ok=True)
        for filename, content in packages.items():
            if isinstance(content, bytes):
                (target / filename).write_bytes(content)
            else:
                shutil.copyfile(content, target / filename)

    def copy(self, build: Build, chroot: BuildChroot, forked: Build, copied: BuildChroot) -> None:
        """Copy what a build in a chroot left behind."""
        for where in (self.chroot_folder, self.package_folder):
            folder = where(build, chroot)
            if folder.is_dir() and not where(forked, copied).exists():
                live = shutil.ignore_patterns(*_LIVE)
                shutil.copytree(folder, where(forked, copied), ignore=live)

    def remove(self, build: Build) -> None:
        """Remove everything that a build left behind."""
        shutil.rmtree(self.source_folder(build), ignore_errors=True)
        for chroot in build.chroots.values():
            for folder in (self.chroot_folder(build, chroot), self.package_folder(build, chroot)):
                shutil.rmtree(folder, ignore_errors=True)
        if build.upload is not None:
            build.upload.unlink(missing_ok=True)

    def answer(self, path: str) -> ServerResponse:
        """What is at *path*: a file, a folder's list, or the way to where Pulp has it."""
        parts = path.strip("/").split("/")
        if any(part in ("", ".", "..") for part in parts) or parts[0] not in ("results", "pulp", "tmp"):
            return _nothing()
        found = self.folder.joinpath(*parts)
        if found.is_file() and found not in self._gone:
            return ServerResponse(200, _headers(found.name), found)
        if found.is_dir() and parts[0] == "results":
            if not path.endswith("/"):
                return ServerResponse(301, {"Location": quote(f"{path}/", safe="/@:+")})
            return _listing(path, [entry for entry in sorted(found.iterdir()) if entry not in self._gone])
        elsewhere = self.folder.joinpath("pulp", *parts[1:])
        if parts[0] == "results" and elsewhere.is_file():
            return ServerResponse(302, {"Location": quote(f"/pulp/{'/'.join(parts[1:])}", safe="/@:+")})
        return _nothing()


def _headers(name: str) -> dict[str, str]:
    if name.endswith(".log.gz"):
        # So that browsers show them: a client that does not ask for it gets it all the same.
        return {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    if name.endswith(".rpm"):
        return {"Content-Type": "application/x-rpm"}
    return {"Content-Type": "application/json" if name.endswith(".json") else "text/plain"}


def _nothing() -> ServerResponse:
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
    """What the name of a package says: ``hello-1.0-1.noarch``, with an epoch before the version where it has one."""
    match = _NEVRA.fullmatch(name.removesuffix(".rpm"))
    if match is None:
        raise ValueError(f"{name!r} is no name of a package: name-version-release.arch is needed")
    epoch = int(match["epoch"] or 0)
    return {**{key: match[key] for key in ("name", "version", "release", "arch")}, "epoch": epoch}
