"""Where lading deviates from twine on purpose. Everything else must be equal."""

from __future__ import annotations

from tests.conformance.deviations import Deviation

_UNKNOWN_FIELD = "omits this field of metadata 2.5", "sends it", "the official index accepts it"

DEVIATIONS = (
    Deviation(
        "name",
        "replaces each run of characters other than letters, digits and dots with one dash",
        "sends the name as the metadata contain it",
        "the official index displays a project under the name of its last upload",
        "name Demo.Pkg_x",
    ),
    Deviation("comment", "has the option `--comment`", "has no such option", "no index shows the comment", "commented"),
    Deviation("gpg_signature", "sends a signature", "sends none", "indexes no longer use signatures", "signed"),
    Deviation("import_name", *_UNKNOWN_FIELD, "2.5 wheel"),
    Deviation("import_namespace", *_UNKNOWN_FIELD, "2.5 wheel"),
    Deviation("(empty fields)", "sends them", "omits them", "indexes discard them", "empty"),
    Deviation(
        "(requests before)",
        "looks up the file only with `--skip-existing`, and only at the official index",
        "looks up the file before every upload",
        "an upload that is already complete needs no second one",
        "1.0 wheel",
    ),
    Deviation(
        "header accept",
        "`*/*`",
        "JSON first",
        "an error in JSON carries its reason in the body, where no proxy changes it",
        "1.0 wheel",
    ),
    Deviation("header user-agent", "its own name", "its own name", "each client identifies itself", "1.0 wheel"),
)
