"""Fedora Copr, and other instances of Copr."""

from lading.copr._auth import TokenPairAuth
from lading.copr._builds.log import BuildLog
from lading.copr._builds.watch import BuildWatch
from lading.copr._client import Copr
from lading.copr._errors import BuildFailed
from lading.copr._kerberos import GssapiAuth
from lading.copr._models.account import ApiToken, User
from lading.copr._models.builds import (
    Build,
    BuildState,
    BuiltPackages,
    Nevra,
    SourceBuildConfig,
    SourceChroot,
    SourcePackage,
)
from lading.copr._models.chroots import BuildChroot, BuildConfig, MockChroot, ProjectChroot, Repo
from lading.copr._models.packages import LatestBuilds, MonitoredChroot, MonitoredPackage, Package
from lading.copr._models.projects import Project, WebhookSecret
from lading.copr._options import BuildOptions, ChrootOptions, NewProjectOptions, PackageOptions, ProjectOptions
from lading.copr._sources import CustomSource, DistGitSource, PyPISource, RubyGemsSource, ScmSource, Source
from lading.copr.builds import Builds
from lading.copr.chroots import BuildChroots, MockChroots, ProjectChroots
from lading.copr.modules import Module, Modules
from lading.copr.packages import Packages
from lading.copr.projects import Projects
from lading.copr.tokens import Tokens
from lading.copr.webhooks import Webhooks

__all__ = [
    "ApiToken",
    "Build",
    "BuildChroot",
    "BuildChroots",
    "BuildConfig",
    "BuildFailed",
    "BuildLog",
    "BuildOptions",
    "BuildState",
    "BuildWatch",
    "Builds",
    "BuiltPackages",
    "ChrootOptions",
    "Copr",
    "CustomSource",
    "DistGitSource",
    "GssapiAuth",
    "LatestBuilds",
    "MockChroot",
    "MockChroots",
    "Module",
    "Modules",
    "MonitoredChroot",
    "MonitoredPackage",
    "Nevra",
    "NewProjectOptions",
    "Package",
    "PackageOptions",
    "Packages",
    "Project",
    "ProjectChroot",
    "ProjectChroots",
    "ProjectOptions",
    "Projects",
    "PyPISource",
    "Repo",
    "RubyGemsSource",
    "ScmSource",
    "Source",
    "SourceBuildConfig",
    "SourceChroot",
    "SourcePackage",
    "TokenPairAuth",
    "Tokens",
    "User",
    "WebhookSecret",
    "Webhooks",
]
