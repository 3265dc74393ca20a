"""What a submission looks like in a project's list of builds."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from lading.copr._arguments import check_names
from lading.copr._models.builds import Build

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lading._core.messages import Response
    from lading.copr._models.builds import SourceBuildConfig

_CHANGED = re.compile(r"[^a-zA-Z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class BuildTarget:
    """The project that builds are submitted to.

    Attributes:
        owner: The project's owner.
        project: The project's name.
        dirname: A directory of the project, when not its own.
    """

    owner: str
    project: str
    dirname: str | None = None

    def __post_init__(self) -> None:
        check_names(owner=self.owner, project=self.project, project_dirname=self.dirname)

    def owns(self, build: Build) -> bool:
        """Return whether *build*, of a response, is a build of this project."""
        return (build.ownername, build.projectname) == (self.owner, self.project)

    def read_build(self, response: Response) -> tuple[Build, ...]:
        """Read the response to the submission of one build."""
        build = Build.model_validate_json(response.body)
        if not self.owns(build):
            raise LookupError
        return (build,)

    def fields(self) -> dict[str, Any]:
        """Return the fields of a request that name the project."""
        return {"ownername": self.owner, "projectname": self.project, "project_dirname": self.dirname}


@dataclass(frozen=True, slots=True)
class SubmittedBuild:
    """A submission, as far as the project's list and the builds' sources show it.

    Two that are equal are the same to anybody who looks at the store.

    Attributes:
        target: The project.
        kind: The type of the source, as ``source_type`` has it; ``None`` for what the package has.
        package: The package, where a package is built.
        clues: For each build, strings that the settings of its source must contain.
        chroots: Names or patterns of the chroots to build in; empty for all of the project's.
        excluded: Patterns of chroots not to build in.
        background: Whether it was submitted as a background build.
        options: The other options, which no list shows.
    """

    target: BuildTarget
    kind: str | None = None
    package: str | None = None
    clues: tuple[tuple[str, ...], ...] = ((),)
    chroots: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    background: bool = False
    options: str = ""

    @classmethod
    def create(
        cls,
        target: BuildTarget,
        options: Mapping[str, Any],
        *,
        kind: str | None = None,
        package: str | None = None,
        clues: tuple[tuple[str, ...], ...] = ((),),
    ) -> SubmittedBuild:
        """Create it from the arguments and *options* of a call."""
        rest = {name: value for name, value in options.items() if name not in _SHOWN and value is not None}
        return cls(
            target,
            kind,
            package,
            clues,
            frozenset(options.get("chroots") or ()),
            frozenset(options.get("exclude_chroots") or ()),
            bool(options.get("background")),
            repr(sorted(rest.items())),
        )

    def is_in_directory(self, build: Build) -> bool:
        """Return whether *build* is in the directory of this submission."""
        directory = self.target.dirname or self.target.project
        return (build.project_dirname or directory) == directory

    def may_be(self, build: Build, project_chroots: Collection[str] | None) -> bool:
        """Return whether *build*, as a list shows it, may be of this submission.

        Args:
            build: The build.
            project_chroots: The chroots of the project; ``None`` where they are not known.
        """
        if not self.is_in_directory(build):
            return False
        # An old frontend does not show it.
        if build.is_background != self.background and "is_background" in build.model_fields_set:
            return False
        return self._may_build_in(set(build.chroots), project_chroots)

    def _may_build_in(self, shown: set[str], project_chroots: Collection[str] | None) -> bool:
        if any(fnmatchcase(name, pattern) for name in shown for pattern in self.excluded):
            return False
        if not self.chroots:
            # Not known before the import; then all of the project's, but for what a package leaves out.
            complete = project_chroots is None or self.package is not None or bool(self.excluded)
            return not shown or complete or shown == set(project_chroots or ())
        if not any(set("*?[") & set(name) for name in self.chroots) and not self.excluded:
            return shown == self.chroots
        return bool(shown) and all(any(fnmatchcase(name, one) for one in self.chroots) for name in shown)


_SHOWN = frozenset({"chroots", "exclude_chroots", "background"})


@dataclass(frozen=True, slots=True)
class BuildSource:
    """The source of a build that is in the store.

    Attributes:
        kind: Its type.
        strings: The values of its settings.
    """

    kind: str
    strings: tuple[str, ...]

    @classmethod
    def of(cls, config: SourceBuildConfig) -> BuildSource:
        """Create it from what the store says."""
        return cls(config.source_type, tuple(_normalise(string) for string in _strings(config.source_dict)))

    def matches(self, clues: tuple[str, ...]) -> bool:
        """Return whether each of *clues* is one of its values, or the end of a path among them."""
        return all(
            any(string == clue or string.endswith(f"/{clue}") for string in self.strings)
            for clue in map(_normalise, clues)
        )


def stored_filename(name: str) -> str:
    """Return the name under which the frontend stores an uploaded file: as werkzeug's ``secure_filename`` has it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.-]", "", "_".join(plain.replace("/", " ").split())).strip("._")


def _normalise(string: str) -> str:
    """Return *string* without what frontends change in it, so that it can be compared with what was sent."""
    # They end a script with a newline, join lists with blanks, append ".git".
    return _CHANGED.sub("", string).removesuffix(".git")


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [string for one in value.values() for string in _strings(one)]
    if isinstance(value, list):
        return [string for one in value for string in _strings(one)]
    return [] if value is None else [str(value)]
