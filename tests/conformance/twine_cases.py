"""Wheels and sdists that twine takes: every metadata version, every field, and odd ones."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from tests.support.distributions import core_metadata, sdist, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

VERSIONS = ("1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5")

# Headers, by the metadata version that introduced them.
HEADERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "1.0": (
        ("Platform", "any"),
        ("Platform", "Linux"),
        ("Summary", "A démo ✓ of \"quotes\" & 'more'; <b>"),
        ("Keywords", "alpha,beta gamma , delta"),
        ("Home-page", "https://example.com/"),
        ("Author", "The authors"),
        ("Author-email", '"A, B" <a@example.com>, c@example.com'),
        ("License", "MIT\n        and more\n        |lines"),
    ),
    "1.1": (
        ("Supported-Platform", "RedHat 7.2"),
        ("Download-URL", "https://example.com/d?a=b&c"),
        ("Classifier", "Topic :: Utilities"),
        ("Classifier", "Private :: Do Not Upload"),
        ("Classifier", "Natural Language :: Chinese (Simplified)"),
        ("Classifier", "Topic :: Utilities"),
        ("Requires", "re"),
        ("Requires", "sys"),
        ("Provides", "demo"),
        ("Obsoletes", "gorgon"),
    ),
    "1.2": (
        ("Maintainer", "Somebody"),
        ("Maintainer-email", "m@example.com"),
        ("Requires-Dist", "h11 ; extra == 'http'"),
        ("Requires-Dist", "anyio>=4"),
        ("Requires-Dist", "anyio>=4"),
        ("Provides-Dist", "other (1.0)"),
        ("Obsoletes-Dist", "older (<3)"),
        ("Requires-Python", ">=3.8,!=3.9.0"),
        ("Requires-External", "libpng (>=1.5)"),
        ("Project-URL", "Source Code, https://example.com/src?a=1,2"),
        ("Project-URL", "Ärger & Co,https://example.com/bug"),
    ),
    "2.1": (
        ("Description-Content-Type", "text/markdown; charset=UTF-8; variant=GFM"),
        ("Provides-Extra", "http"),
        ("Provides-Extra", "Odd_One.x"),
    ),
    "2.2": (("Dynamic", "license"), ("Dynamic", "Summary")),
    "2.4": (
        ("License-Expression", "MIT OR (Apache-2.0 WITH LLVM-exception)"),
        ("License-File", "LICENSE"),
        ("License-File", "LICENSES/MIT.txt"),
    ),
    "2.5": (("Import-Name", "demo"), ("Import-Name", "demo_two ; private"), ("Import-Namespace", "zope")),
}
DESCRIPTION = "# Démo ✓\r\n\r\nline\n\n  --boundary\n\ttail \n\n"


def whole(version: str, name: str = "demo") -> bytes:
    """Metadata of that version with every field it may have."""
    headers = [header for since, some in HEADERS.items() if since <= version for header in some]
    return core_metadata(name, "1.0", *headers, metadata_version=version, description=DESCRIPTION)


def cases() -> dict[str, Callable[[Path], Path]]:
    """What is uploaded, by a name for it: a function that writes it into a directory."""
    made: dict[str, Callable[[Path], Path]] = {}
    for version in VERSIONS:
        made[f"{version} wheel"] = partial(wheel, metadata=whole(version))
        made[f"{version} tar.gz"] = partial(sdist, metadata=whole(version))
        made[f"{version} zip"] = partial(sdist, metadata=whole(version), suffix=".zip")
        made[f"{version} least"] = partial(wheel, metadata=core_metadata(metadata_version=version))
    for name in ("Demo.Pkg_x", "demo_pkg", "a__b..c", "D", "x1.y-2"):
        made[f"name {name}"] = partial(sdist, name=name)
        made[f"name {name} wheel"] = partial(wheel, name=name)
    for tag in (
        "py2.py3-none-any",
        "cp312-cp312-manylinux_2_28_x86_64.manylinux2014_x86_64",
        "1_a-cp39-abi3-win_amd64",
    ):
        made[f"tag {tag}"] = partial(wheel, tag=tag)
    for version in ("1.0.post1.dev2+local.7", "2!1.0rc1", "2024.01.01"):
        made[f"version {version}"] = partial(sdist, version=version)
    made["version by another spelling"] = partial(wheel, metadata=core_metadata("DEMO", "v1.0.0"))
    made["big"] = partial(wheel, payload=bytes(range(256)) * 8192)
    # setuptools wrote this into metadata that does not have it yet; the official index would refuse the whole.
    made["licence files too early"] = partial(wheel, metadata=core_metadata("demo", "1.0", ("License-File", "LICENSE")))
    made["unknown"] = partial(
        wheel, metadata=core_metadata("demo", "1.0", ("Author", "UNKNOWN"), ("License", "UNKNOWN"))
    )
    made["empty"] = partial(
        wheel, metadata=core_metadata("demo", "1.0", ("Author", ""), ("Home-page", ""), ("Keywords", ""))
    )
    made["description as a header"] = partial(
        sdist, metadata=core_metadata("demo", "1.0", ("Description", "one\n        two\n\t|three"))
    )
    return made


def attested() -> dict[str, Callable[[Path], list[Path]]]:
    """Files with attestations beside them (PEP 740): first the file, then what is about it."""
    both = ("publish", "slsa.provenance")
    return {
        "attested wheel": lambda directory: [path := wheel(directory), *sidecars(path, *both[:1])],
        "attested sdist": lambda directory: [path := sdist(directory), *sidecars(path, *both[:1])],
        "attested twice": lambda directory: [path := wheel(directory), *sidecars(path, *both)],
        "attested otherwise": lambda directory: [path := wheel(directory), *sidecars(path, *both[1:])],
    }


def sidecars(path: Path, *kinds: str) -> list[Path]:
    """Attestations of these kinds: not genuine, but as odd as JSON can be."""
    made = []
    for kind in kinds:
        value = {"version": 1, "kind": kind, "verification_material": {"é ✓": [None, 1.5, 'a\r\n--b"', {}]}}
        sidecar = path.with_name(f"{path.name}.{kind}.attestation")
        sidecar.write_text(json.dumps(value, indent=2, ensure_ascii=kind == "publish"), "utf-8")
        made.append(sidecar)
    return made
