"""Where lading differs from python-copr on purpose: the names of the rows, and why. All else must be equal."""

from __future__ import annotations

# What differs in the same way in many methods; taken out of requests by copr_seen.
PATH_AGAIN = "(the path's names in the query)"
LIMIT = "(limit of a list)"
FALSE = "(flags that are not set)"
ASCENDING = "(order_type=ASC)"
FIRST = "(offset=0)"
NULLS = "(nulls in a body)"

NOBODY_ASKED = "(can_build_in without a login)"
NOBODY_BACK = "(can_build_in without a login: answer)"
NOBODY = "(without a login)"
AFTER_ROTATION = "(after a new token)"
ODD_NAMES = "(names with /, ?, # or %)"
ODD_NAMES_BACK = "(names that are no part of a path)"
WORDS = "(one text for a list of chroots)"
WORDS_BACK = "(one text for a list of chroots: answer)"
JOINED = "(a list where the frontend takes one text)"

PYTHONS = "(Python versions that nobody asked for)"
BLANKS = "(addresses with blanks)"
BLANKS_BACK = "(addresses with blanks: answer)"
ENDING = "(an upload that is no such package)"
ENDING_BACK = "(an upload that is no such package: answer)"
BARE_CHECK = "(check_before_build without a callback)"
BARE_CHECK_BACK = "(check_before_build without a callback: answer)"
NO_BUILDS = "(no builds to delete)"
LACKING = "(package.add without what its source needs)"
LACKING_BACK = "(package.add without what its source needs: answer)"
LENGTH = "(length announced)"
NO_TYPE = "(package.edit without a type)"
NO_KIND = "(package.edit of scm without scm_type)"

DELETED = "(what comes back of what is deleted)"
UNWRAPPED = "(what comes back in a wrapping)"
LISTED = "(what comes back of mock chroots)"

FAILED = "(wait: a build that failed)"
FORKED = "(wait: a forked build)"
UNKNOWN = "(wait: an unknown state)"
UNKNOWN_BACK = "(wait: an unknown state: result)"
OUTAGE = "(wait: an outage)"
OUTAGE_BACK = "(wait: an outage: result)"
TOO_LONG = "(wait: for too long)"
AS_THEY_END = "(wait: the order of many)"
MANY = "(wait: many builds of a project)"
NO_NEWS = "(wait: called back without news)"
TOGETHER = "(succeeded: builds that were submitted together)"

SHORT = "(the last page)"
NO_LIMIT = "(next_page without a limit)"
OVERLAP = "(pages that overlap)"
OVERLAP_BACK = "(pages that overlap: items)"
UNMAPPED = "(next_page: an error)"
REVERSED = "(unlimited: the order)"
RECURSION = "(unlimited: long pages)"

PAGE = "(an answer that is a page for people)"
DATA = "(a refusal without the word error)"
MEANINGS = "(errors by their meaning)"

NO_SECTION = "(configuration: no section)"
NO_URL = "(configuration: no copr_url)"
NO_BOOLEAN = "(configuration: neither true nor false)"
PERCENT = "(configuration: percent signs)"
NOTHING = "(configuration: keys without values)"
HALF = "(configuration: a login or a token alone)"
NO_TEXT = "(configuration: not plain UTF-8)"
NO_ADDRESS = "(configuration: an address that is not at https)"
LOOPBACK = "(configuration: this machine at http)"
ENVIRONMENT = "(configuration: the environment)"
PROXY_FILE = "base.create_from_config_file"

DIFFERENCES = {
    PATH_AGAIN: "python-copr sends what is in the path once more; the frontend does not look at it there",
    LIMIT: "without one the frontend sends the whole list, or 504: lading asks for pages",
    FALSE: "a flag that is not set is not sent: for a single package the frontend takes any text for true, and for "
    "exist_ok and lists its absence is false",
    ASCENDING: "it is the frontend's own default, so lading leaves it out",
    FIRST: "it is the frontend's own default, so lading leaves it out",
    NULLS: "the frontend drops them before it looks at a form; lading does not send them",
    "header accept": "a proxy that knows JSON may answer in it; python-copr takes anything",
    "header user-agent": "each by its own name, after the word that the public instance's gate lets pass",
    "project.can_build_in": "anybody may ask this, so lading sends no credentials, as with all other questions of the kind",
    NOBODY_ASKED: "python-copr does not ask without a login, although nobody has to be logged in",
    NOBODY_BACK: "python-copr does not ask without a login, although nobody has to be logged in",
    NOBODY: "it is the configuration that lacks something; python-copr's error has the token's text in it",
    AFTER_ROTATION: "lading's client goes on with the new login and token; python-copr's goes on with the dead ones",
    ODD_NAMES: "in python-copr such a name makes another address of it; lading percent-encodes each part",
    ODD_NAMES_BACK: "an empty name, or dots, would ask for something else: lading sends nothing",
    WORDS: "a text would be taken for a list of its letters: lading sends nothing",
    WORDS_BACK: "a text would be taken for a list of its letters: lading sends nothing",
    JOINED: "lading joins it as the frontend does; python-copr's users do it themselves, or the frontend does",
    PYTHONS: "python-copr asks for Python 3 and 2 where nobody says which; lading leaves it to the frontend: 3",
    BLANKS: "the frontend splits at blanks, so that there would be other builds than were asked for",
    BLANKS_BACK: "lading refuses them in create_from_urls too, and at the ends",
    ENDING: "the frontend refuses it once it has been uploaded; lading before",
    ENDING_BACK: "the frontend refuses it once it has been uploaded; lading before",
    BARE_CHECK: "python-copr raises KeyError or TypeError without a progress_callback to take away",
    BARE_CHECK_BACK: "python-copr raises KeyError or TypeError without a progress_callback to take away",
    NO_BUILDS: "there is nothing to do, and the frontend answers 400",
    LACKING: "the frontend refuses it; lading before",
    LACKING_BACK: "the frontend refuses it; lading before",
    LENGTH: "a DELETE without a body has no length to announce",
    "header connection": "HTTP/1.1 keeps connections alive unless told otherwise",
    NO_TYPE: 'python-copr asks for the type "None", which is refused; the frontend has an address without a type, and '
    "lading looks first whether the source is from Subversion, which would be turned into Git",
    NO_KIND: "the frontend would turn Subversion into Git, so lading looks what it is and says so",
    DELETED: "what is deleted is there no more: lading gives None",
    UNWRAPPED: "lading gives what is in it: the permissions by user, the frontend's message, the monitor's packages",
    LISTED: "lading gives a list as everywhere, with names and comments in it",
    FAILED: "of one build, lading raises BuildFailed with the build in it; of many, it gives all",
    FORKED: "a forked build has ended; python-copr waits for ever",
    UNKNOWN: "the state comes and goes, so lading waits it out; python-copr raises",
    UNKNOWN_BACK: "the state comes and goes, so lading waits it out; python-copr raises",
    OUTAGE: "lading asks again; python-copr gives up the waiting",
    OUTAGE_BACK: "lading asks again; python-copr gives up the waiting",
    TOO_LONG: "lading has no timeout of its own: cancel scopes bound it, and raise TimeoutError",
    AS_THEY_END: "lading gives each build when it has ended; python-copr all, in the order that they were given in",
    MANY: "python-copr asks for each build; lading for one page of the project's list",
    NO_NEWS: "lading's watch gives a build when its state has changed; python-copr calls back each time",
    TOGETHER: "python-copr takes the list that create_from_urls gives for one build, and raises AttributeError",
    SHORT: "a page shorter than asked for is the last: lading does not ask for one more",
    NO_LIMIT: "lading's pages always have a limit; python-copr raises TypeError",
    OVERLAP: "the page after the last one is not asked for, as above",
    OVERLAP_BACK: "pages of builds with a status overlap; lading leaves out what the page before had",
    UNMAPPED: "python-copr gives the error's text as if it were a page",
    REVERSED: "python-copr gives each page from its end",
    RECURSION: "python-copr recurses with every item, up to Python's limit",
    PAGE: "an answer that is none has a name of its own in lading",
    DATA: "python-copr takes any JSON without the key error for a success, whatever the status",
    MEANINGS: "python-copr has one error for nearly all of them; lading one for each meaning",
    NO_SECTION: "python-copr raises KeyError; lading ConfigError, with file and section",
    NO_URL: "python-copr raises AttributeError, or goes on with None; lading raises ConfigError, with file and key",
    NO_BOOLEAN: "python-copr raises ValueError; lading ConfigError, with file, section and key",
    PERCENT: "a percent sign in a token is a percent sign; python-copr takes it for interpolation",
    NOTHING: "a key without a value says nothing; python-copr takes it for an empty token, or raises ValueError",
    HALF: "the one is of no use without the other; python-copr finds out when it sends it",
    NO_TEXT: "python-copr raises UnicodeDecodeError, and does not take a byte order mark; lading raises ConfigError, "
    "and takes one",
    NO_ADDRESS: "python-copr refuses http:// in small letters alone",
    LOOPBACK: "what stays on this machine shows nothing to anybody",
    ENVIRONMENT: "lading takes COPR_URL, COPR_LOGIN, COPR_TOKEN and COPR_USERNAME; python-copr reads the file alone",
    PROXY_FILE: "whatever the class, python-copr's gives a BaseProxy, which has none of its methods; in lading it is "
    "the client alone that is made from a file",
}
