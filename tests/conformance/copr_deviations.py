"""Where lading deviates from python-copr on purpose: the names of the rows, and the reasons. Everything else must be equal."""

from __future__ import annotations

from tests.conformance.deviations import Deviation

# What differs in the same way in many methods; copr_normalize takes it out of the requests.
PATH_AGAIN = "(the path's names in the query)"
LIMIT = "(limit of a list)"
FALSE = "(flags that are not set)"
ASCENDING = "(order_type=ASC)"
FIRST = "(offset=0)"
NULLS = "(nulls in a body)"

WITHOUT_LOGIN = "(can_build_in without a login)"
NOBODY_BACK = "(can_build_in without a login: result)"
NOBODY = "(without a login)"
AFTER_ROTATION = "(after a new token)"
ODD_NAMES = "(names with `/`, `?`, `#` or `%`)"
ODD_NAMES_BACK = "(names that cannot be a path segment)"
WORDS = "(a string instead of a list of chroots)"
WORDS_BACK = "(a string instead of a list of chroots: result)"
JOINED = "(a list where the frontend accepts a string)"

PYTHONS = "(Python versions that are not given)"
BLANKS = "(URLs with blanks)"
BLANKS_BACK = "(URLs with blanks: result)"
ENDING = "(an upload with another file name extension)"
ENDING_BACK = "(an upload with another file name extension: result)"
BARE_CHECK = "(check_before_build without a callback)"
BARE_CHECK_BACK = "(check_before_build without a callback: result)"
NO_BUILDS = "(an empty list of builds to delete)"
LACKING = "(package.add without a required setting of its source)"
LACKING_BACK = "(package.add without a required setting of its source: result)"
LENGTH = "(Content-Length of a request without a body)"
NO_TYPE = "(package.edit without a type)"
NO_KIND = "(package.edit of scm without scm_type)"
NO_SPEC = "(packages from scm without spec)"
NO_CHROOTS = "(an empty list of chroots)"
NO_CHROOTS_BACK = "(an empty list of chroots: result)"

DELETED = "(result of a deletion)"
UNWRAPPED = "(results in an envelope)"
LISTED = "(result of mock chroots)"

FAILED = "(wait: a build that failed)"
FORKED = "(wait: a forked build)"
UNKNOWN = "(wait: an unknown state)"
UNKNOWN_BACK = "(wait: an unknown state: result)"
OUTAGE = "(wait: an outage)"
OUTAGE_BACK = "(wait: an outage: result)"
TOO_LONG = "(wait: a deadline)"
AS_THEY_END = "(wait: the order of many)"
MANY = "(wait: many builds of a project)"
NO_NEWS = "(wait: callbacks without a change)"
TOGETHER = "(succeeded: builds submitted together)"

SHORT = "(the last page)"
NO_LIMIT = "(next_page without a limit)"
OVERLAP = "(pages that overlap)"
OVERLAP_BACK = "(pages that overlap: items)"
UNMAPPED = "(next_page: an error)"
REVERSED = "(unlimited: the order)"
RECURSION = "(unlimited: long pages)"

PAGE = "(an HTML page instead of JSON)"
DATA = "(an error response without the key `error`)"
MEANINGS = "(error classes)"

NO_SECTION = "(configuration: no section)"
NO_URL = "(configuration: no copr_url)"
NO_BOOLEAN = "(configuration: an invalid boolean)"
PERCENT = "(configuration: percent signs)"
NOTHING = "(configuration: keys without values)"
HALF = "(configuration: a login or a token alone)"
NO_TEXT = "(configuration: not UTF-8, or a byte order mark)"
NO_ADDRESS = "(configuration: a URL without https)"
LOOPBACK = "(configuration: this machine over http)"
ENVIRONMENT = "(configuration: the environment)"
PROXY_FILE = "base.create_from_config_file"

DEVIATIONS = (
    Deviation(
        PATH_AGAIN,
        "repeats the values of the path in the query",
        "sends them once",
        "the frontend does not read them from the query",
        "project.delete me/demo",
    ),
    Deviation(
        LIMIT,
        "requests a complete list",
        "requests pages",
        "for large lists the frontend responds 504",
        "project.get_list None ",
    ),
    Deviation(
        FALSE,
        "sends flags that are not set as `False`",
        "omits them",
        "some flags of the frontend are true for any string, and false when they are absent",
        "project.add me/demo",
    ),
    Deviation(
        ASCENDING, "sends it", "omits it", "it is the default of the frontend", "project.get_list None ascending"
    ),
    Deviation(FIRST, "sends it", "omits it", "it is the default of the frontend", "project.get_list None first"),
    Deviation(NULLS, "sends them", "omits them", "the frontend discards them", "project.add me/demo"),
    Deviation(
        "header accept",
        "`*/*`",
        "`application/json`",
        "a proxy that supports JSON may then send errors in it",
        "base.home ",
    ),
    Deviation(
        "header user-agent",
        "its own name",
        "its own name, after the prefix `copr`",
        "the public instance lets agents with this prefix through",
        "base.home ",
    ),
    Deviation(
        "header connection", "`keep-alive`", "no header", "HTTP/1.1 keeps connections open by default", "base.home "
    ),
    Deviation(
        "project.can_build_in", "sends credentials", "sends none", "the endpoint is public", "project.can_build_in me"
    ),
    Deviation(WITHOUT_LOGIN, "sends no request", "sends it", "the endpoint is public", "project.can_build_in nobody"),
    Deviation(NOBODY_BACK, "sends no request", "sends it", "the endpoint is public", "project.can_build_in nobody"),
    Deviation(
        NOBODY,
        "raises `CoprAuthException` with the token in its text",
        "raises `ConfigError`",
        "the configuration is incomplete, and secrets stay out of errors",
        "base.auth_check nobody",
    ),
    Deviation(
        AFTER_ROTATION,
        "keeps the expired login and token",
        "uses the new login and token",
        "the next request would fail",
        "base.new_api_token and after",
    ),
    Deviation(
        ODD_NAMES,
        "inserts them as they are, which changes the URL",
        "percent-encodes each segment",
        "the request must reach the named object",
        "project.regenerate_repos 'a/b'",
    ),
    Deviation(
        ODD_NAMES_BACK,
        "sends the request to another URL",
        "raises `InputError`, sends nothing",
        "an empty name or dots would reach another object",
        "project.regenerate_repos '..'",
    ),
    Deviation(
        WORDS,
        "sends a list of its letters",
        "raises `InputError`, sends nothing",
        "a string is not a list of chroots",
        "project.add one text",
    ),
    Deviation(
        WORDS_BACK,
        "sends a list of its letters",
        "raises `InputError`, sends nothing",
        "a string is not a list of chroots",
        "project.add one text",
    ),
    Deviation(
        JOINED,
        "leaves joining to its caller",
        "joins it as the frontend does",
        "the caller need not know the separator",
        "project.add listed",
    ),
    Deviation(
        PYTHONS, "sends `[3, 2]`", "sends none", "the frontend has a default: 3", "build.create_from_pypi nothing"
    ),
    Deviation(
        BLANKS,
        "sends them",
        "raises `InputError`",
        "the frontend splits at blanks, and would create other builds",
        "build.create_from_urls 'https://example.com/a b.spec'",
    ),
    Deviation(
        BLANKS_BACK,
        "sends them",
        "raises `InputError`",
        "the frontend splits at blanks, and would create other builds",
        "build.create_from_urls 'https://example.com/a b.spec'",
    ),
    Deviation(
        ENDING,
        "uploads it",
        "raises `InputError` before the upload",
        "the frontend rejects it after the upload",
        "build.create_from_file ending",
    ),
    Deviation(
        ENDING_BACK,
        "uploads it",
        "raises `InputError` before the upload",
        "the frontend rejects it after the upload",
        "build.create_from_file ending",
    ),
    Deviation(
        BARE_CHECK,
        "raises `KeyError` or `TypeError`",
        "sends the check",
        "the callback is for uploads only",
        "build.check_before_build without a callback None",
    ),
    Deviation(
        BARE_CHECK_BACK,
        "raises `KeyError` or `TypeError`",
        "sends the check",
        "the callback is for uploads only",
        "build.check_before_build without a callback None",
    ),
    Deviation(NO_BUILDS, "sends it", "sends nothing", "the frontend responds 400", "build.delete_list []"),
    Deviation(
        LACKING,
        "sends it",
        "raises `InputError` before the request",
        "the frontend rejects it",
        "package.add scm lacking",
    ),
    Deviation(
        LACKING_BACK,
        "sends it",
        "raises `InputError` before the request",
        "the frontend rejects it",
        "package.add scm lacking",
    ),
    Deviation(LENGTH, "sends it with a `DELETE`", "omits it", "there is no body", "build.delete 1"),
    Deviation(
        NO_TYPE,
        "requests the type `None`, which the frontend rejects",
        "looks the source type up, then uses the URL without a type",
        "a package from Subversion must stay one",
        "package.edit svn no type {}",
    ),
    Deviation(
        NO_KIND,
        "omits it",
        "looks it up and sends it",
        "the frontend would turn Subversion into Git",
        "package.edit scm no kind",
    ),
    Deviation(
        NO_SPEC,
        "omits it",
        "sends an empty one, at a change where none is stored",
        "the frontend would store null, which it refuses at every later change",
        "package.add scm timeout",
    ),
    Deviation(
        NO_CHROOTS,
        "sends it",
        "raises `InputError` before the request",
        "the frontend takes it for no change",
        "project.edit no chroots",
    ),
    Deviation(
        NO_CHROOTS_BACK,
        "sends it",
        "raises `InputError` before the request",
        "the frontend takes it for no change",
        "project.edit no chroots",
    ),
    Deviation(
        DELETED, "returns the deleted object", "returns `None`", "the object no longer exists", "project.delete me/demo"
    ),
    Deviation(
        UNWRAPPED,
        "returns the envelope",
        "returns its content: permissions by user, the message, the packages of the monitor",
        "the envelope carries nothing else",
        "project.get_permissions me/demo",
    ),
    Deviation(
        LISTED,
        "returns a dictionary",
        "returns a list of names with comments",
        "lists have one form",
        "mock_chroot.get_list None",
    ),
    Deviation(
        FAILED,
        "returns it",
        "raises `BuildFailed` with the build; of several builds, returns all",
        "a failure must not pass unnoticed",
        "wait failed",
    ),
    Deviation(
        FORKED, "waits forever", "treats it as finished", "a forked build does not change any more", "wait forked"
    ),
    Deviation(UNKNOWN, "raises an error", "keeps waiting", "the state is temporary", "wait unknown"),
    Deviation(UNKNOWN_BACK, "raises an error", "keeps waiting", "the state is temporary", "wait unknown"),
    Deviation(OUTAGE, "raises an error", "retries", "builds continue during an outage", "wait an outage"),
    Deviation(OUTAGE_BACK, "raises an error", "retries", "builds continue during an outage", "wait an outage"),
    Deviation(
        TOO_LONG,
        "has a timeout of its own",
        "is bounded by cancel scopes, which raise `TimeoutError`",
        "one deadline can then cover several calls",
        "wait too long",
    ),
    Deviation(
        AS_THEY_END,
        "returns all at the end, in the given order",
        "yields each build when it finishes",
        "work can start earlier",
        "wait two, as they end",
    ),
    Deviation(MANY, "requests every build", "requests one page of the project", "fewer requests", "wait ten"),
    Deviation(
        NO_NEWS,
        "calls back after every request",
        "yields a build when its state changes",
        "callers want changes",
        "wait called back with nothing new",
    ),
    Deviation(
        TOGETHER,
        "treats the list of `create_from_urls` as one build, and raises `AttributeError`",
        "accepts it",
        "builds that were submitted together are waited for together",
        "succeeded what was submitted together",
    ),
    Deviation(
        SHORT,
        "requests one more page",
        "ends at a page that is shorter than requested",
        "fewer requests",
        "all_pages 5",
    ),
    Deviation(NO_LIMIT, "raises `TypeError`", "always sends a limit", "pages always have one", "next_page no limit"),
    Deviation(
        OVERLAP,
        "requests one more page",
        "ends at a page that is shorter than requested",
        "fewer requests",
        "all_pages overlapping",
    ),
    Deviation(
        OVERLAP_BACK,
        "returns items twice",
        "leaves out items of the page before",
        "pages of builds with a status overlap",
        "all_pages overlapping",
    ),
    Deviation(
        UNMAPPED, "returns the error text as a page", "raises the error", "an error is not a page", "next_page refused"
    ),
    Deviation(
        REVERSED,
        "yields each page from its end",
        "yields items in the order of the frontend",
        "the order is requested",
        "unlimited as they come",
    ),
    Deviation(
        RECURSION,
        "recurses with every item, up to the recursion limit of Python",
        "iterates",
        "long pages must work",
        "unlimited 1500",
    ),
    Deviation(
        PAGE,
        "raises `CoprRequestException`",
        "raises `InvalidResponse`",
        "a response that is not from the API has a class of its own",
        "base.auth_check no JSON",
    ),
    Deviation(
        DATA,
        "returns it as a success, whatever the status",
        "raises an `ApiError`",
        "the status decides",
        "base.auth_check 400 that is data",
    ),
    Deviation(
        MEANINGS,
        "has one class for nearly all errors",
        "has one class for each meaning",
        "callers need not parse text",
        "base.auth_check 401",
    ),
    Deviation(
        NO_SECTION,
        "raises `KeyError`",
        "raises `ConfigError` with file and section",
        "the message says what to correct",
        "another section",
    ),
    Deviation(
        NO_URL,
        "raises `AttributeError`, or continues with `None`",
        "raises `ConfigError` with file and key",
        "the message says what to correct",
        "no address",
    ),
    Deviation(
        NO_BOOLEAN,
        "raises `ValueError`",
        "raises `ConfigError` with file, section and key",
        "the message says what to correct",
        "gssapi = maybe",
    ),
    Deviation(
        PERCENT,
        "interpolates them, or raises an error",
        "reads them as they are",
        "a token may contain them",
        "percent",
    ),
    Deviation(
        NOTHING,
        "reads an empty token, or raises `ValueError`",
        "treats them as absent",
        "an empty token is never valid",
        "token empty",
    ),
    Deviation(
        HALF,
        "fails when it sends a request",
        "raises `ConfigError`",
        "neither is of use without the other",
        "login alone",
    ),
    Deviation(
        NO_TEXT,
        "raises `UnicodeDecodeError`; rejects a byte order mark",
        "raises `ConfigError`; accepts a byte order mark",
        "some editors write one",
        "no text",
    ),
    Deviation(
        NO_ADDRESS,
        "rejects `http://` only in small letters",
        "rejects every scheme but `https://`",
        "credentials must not be sent unencrypted",
        "ftp",
    ),
    Deviation(LOOPBACK, "rejects it", "accepts it", "the traffic does not leave the machine", "this machine"),
    Deviation(
        ENVIRONMENT,
        "reads the file only",
        "reads `COPR_URL`, `COPR_LOGIN`, `COPR_TOKEN` and `COPR_USERNAME` as well",
        "CI jobs have no file",
        "another instance",
    ),
    Deviation(
        PROXY_FILE,
        "returns a `BaseProxy` for every class",
        "creates only the client from a file",
        "a `BaseProxy` has none of the methods",
        "a proxy",
    ),
)
