"""Where lading deviates from ``uv publish`` on purpose. Everything else must be equal."""

from __future__ import annotations

from tests.conformance.deviations import Deviation

_UNFOLDED = (
    "joins the lines of a header, and omits `UNKNOWN`",
    "sends the value as it is in the metadata",
    "the official index shows line breaks, and discards `UNKNOWN` itself",
)
_OLD_FIELD = "omits this field of old metadata", "sends it", "the official index accepts it"
_MISNAMED = (
    "sends `import_names` and `import_namespaces`",
    "sends `import_name` and `import_namespace`",
    "the official index accepts the singular names, and ignores others without an error",
)

DEVIATIONS = (
    Deviation("license", *_UNFOLDED, "1.0 wheel"),
    Deviation("description", *_UNFOLDED, "description as a header"),
    Deviation("author", *_UNFOLDED, "unknown"),
    Deviation(
        "keywords",
        "sends them as they are in the metadata",
        "separates them uniformly",
        "twine does so, and indexes split at the separator",
        "1.0 wheel",
    ),
    Deviation(
        "license_file",
        "sends it for metadata older than 2.4",
        "omits it there",
        "the official index rejects such an upload",
        "licence files too early",
    ),
    Deviation(
        "attestations",
        "sends the attestation named `publish` only",
        "sends every attestation beside the file",
        "an index may accept several kinds",
        "attested twice",
    ),
    Deviation("import_names", *_MISNAMED, "2.5 wheel"),
    Deviation("import_namespaces", *_MISNAMED, "2.5 wheel"),
    Deviation("import_name", *_MISNAMED, "2.5 wheel"),
    Deviation("import_namespace", *_MISNAMED, "2.5 wheel"),
    Deviation("requires", *_OLD_FIELD, "1.1 wheel"),
    Deviation("provides", *_OLD_FIELD, "1.1 wheel"),
    Deviation("obsoletes", *_OLD_FIELD, "1.1 wheel"),
    Deviation("supported_platform", *_OLD_FIELD, "1.1 wheel"),
    Deviation(
        "(sent at all)",
        "rejects sdists as `.zip` and files whose names are not normalised",
        "sends them",
        "the index decides which files it accepts",
        "1.0 zip",
    ),
    Deviation("(empty fields)", "sends an empty `requires_python`", "omits it", "indexes discard it", "1.0 wheel"),
    Deviation(
        "(requests before)",
        "looks up the file only with `--check-url`",
        "looks up the file before every upload",
        "an upload that is already complete needs no second one",
        "1.0 wheel",
    ),
    Deviation(
        "(last part)",
        "sends attestations after the file",
        "sends the file last",
        "an index can then reject the upload before the file arrives",
        "attested wheel",
    ),
    Deviation(
        "(head of the file's part)",
        "sends no content type",
        "sends `application/octet-stream`, as twine does",
        "the official index rejects files of some content types",
        "1.0 wheel",
    ),
    Deviation(
        "header accept",
        "accepts plain text and HTML as well, after JSON",
        "JSON first",
        "an error in JSON carries its reason in the body",
        "1.0 wheel",
    ),
    Deviation("header user-agent", "its own name", "its own name", "each client identifies itself", "1.0 wheel"),
)
