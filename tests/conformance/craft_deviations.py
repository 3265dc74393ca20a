"""Where lading deviates from craft-store on purpose: the names of the rows, and the reasons. Everything else must be equal."""

from __future__ import annotations

from tests.conformance.deviations import Deviation

LOGOUT = "(logout without credentials)"
REFUSED_UPLOAD = "(upload: not successful)"
SHORT_UPLOAD = "(upload: a response without `successful`)"
UNREGISTERED = "(result of unregistering)"
ODD_NAMES = "(names with `/`, `?` or dots alone)"
ODD_NAMES_BACK = "(names with `/`, `?` or dots alone: result)"
NO_RESOURCE_REVISION = "(release: a resource without a revision)"
INVALID_CHANNEL = "(release: an invalid channel)"
INVALID_CHANNEL_BACK = "(release: an invalid channel: result)"
SEVERAL = "(release: several revisions)"
NO_BASE = "(releases without a base)"
WHOLE_RESOURCE = "(requests around a resource)"
NO_UPDATE = "(no update of a resource's revisions)"
SNAP_RESULTS = "(Snap Store: revisions)"
SNAP_NAMES = "(Snap Store: result of names)"
SNAP_RESOURCES = "(Snap Store: resources)"

NO_TRACKS = "(no track to create)"
NO_TRACKS_BACK = "(no track to create: result)"
LINE_FEED = "(a track's name with a line feed at its end)"
LINE_FEED_BACK = "(a track's name with a line feed at its end: result)"
DESCRIPTION = "(description of an exchanged token)"
EXCHANGE_REFUSED = "(exchange refused)"

INVALID_ARGUMENT = "(login: package of another type)"
TOKEN_TEXT = "(Candid: a token as text)"
TOKEN_TEXT_BACK = "(Candid: a token as text: result)"
VERSION_2 = "(Ubuntu One: macaroons of version 2)"
VERSION_2_BACK = "(Ubuntu One: macaroons of version 2: result)"
ON_DEMAND = "(second factor when it is needed)"
REFRESH_SIGN = "(refresh: the header alone)"
REFRESH_SIGN_BACK = "(refresh: the header alone: result)"
EMPTY_LISTS = "(login: empty lists)"
PERMISSIONS = "(login: default permissions)"
LIFETIME = "(login: default lifetime)"

REPLACED = "(keyring: others are there)"
NOT_BASE64 = "(credentials that are no base64)"
OTHER_FORM = "(stored credentials of another form)"
FILE = "(the file of credentials)"

ELSEWHERE = "(Ubuntu One: a caveat for another host)"
NO_CAVEAT = "(Ubuntu One: no caveat)"
CANDID_ERRORS = "(Candid: errors)"
SLASH = "(a URL with a slash at its end)"
SITE = "(Ubuntu One: a URL with a path)"
SLASH_BACK = "(a URL with a slash at its end: result)"

EXHAUSTED = "(failures to the end)"
LOST = "(a lost response)"
LOST_BACK = "(a lost response: result)"
TOO_MANY = "(429)"
TOO_MANY_BACK = "(429: result)"
ODD_ERRORS = "(errors of unusual shapes)"
GATEWAY_ERRORS = "(errors of the gateway)"
ODD_GATEWAY_ERRORS = "(errors of the gateway of unusual shapes)"
WAITING = "(Candid: the protocol's version at the wait)"
PAGE = "(a page instead of JSON)"
NO_KEY = "(a response without the expected key)"

_LOST = (
    "raises an error: only the store clients repeat anything, and no `POST`",
    "repeats what is harmless, and looks up what the store has done with the rest",
    "the work may be done, and must not be done twice",
)
_TOO_MANY = (
    "repeats neither a request without `Retry-After` nor a `POST`",
    "repeats both",
    "the store has not begun the work",
)
_TOKEN_TEXT = (
    "raises `AttributeError`, and sends no second request for the discharge",
    "uses it",
    "the protocol has both forms, `token` and `token64`",
)
_VERSION_2 = (
    "sends the representation of its identifier, such as `b'...'`, which Ubuntu One refuses",
    "sends the identifier",
    "a newer store may issue such macaroons",
)
_LINE_FEED = "sends it", "raises `InputError` before the request", "the store's rule does not allow it"
_REFRESH_SIGN = (
    "raises the error: it reads the code `macaroon-needs-refresh` alone",
    "refreshes the credentials on either sign",
    "Canonical's own double of the Snap Store sends the header with another code",
)
_NO_TRACKS = "sends an empty list", "raises `InputError` before the request", "there is nothing to create"
_ODD_NAMES = (
    "inserts them as they are, which changes the URL",
    "percent-encodes each segment; raises `InputError` for dots alone",
    "the request must reach the named package",
)
_INVALID_CHANNEL = (
    "sends it",
    "raises `InputError` before the request",
    "a typing error is reported before anything is released",
)
_SLASH = "sends `//` in every path", "sends one slash", "servers and proxies take `//` for another path"
_OWN_API = "the Snap Store's own API is the one that snapcraft uses and that has these results"
_NO_PATH = "raises `NotImplementedError`, sends nothing"
_MODEL = (
    "one model for charms, and another for snaps",
    "one model for both, `ChannelMap`, in which only identifying fields are required",
    "a release can have no base, and on-prem stores send snaps in the form of charms",
)

DEVIATIONS = (
    Deviation(
        "header accept",
        "`*/*`, except for uploads and logins",
        "`application/json`",
        "a proxy that supports JSON may then send errors in it",
        "BaseClient.whoami base",
    ),
    Deviation(
        "header connection",
        "`keep-alive`",
        "no header",
        "HTTP/1.1 keeps connections open by default",
        "BaseClient.whoami base",
    ),
    Deviation(
        "header user-agent",
        "the application's name; the HTTP library's for `PublisherGateway` and Candid",
        "its own name and version, after that of `user_agent=`",
        "logs of a store then name the library and the application",
        "BaseClient.whoami base",
    ),
    Deviation(
        LOGOUT, "raises `CredentialsUnavailable`", "returns", "the result is the same", "BaseClient.logout base twice"
    ),
    Deviation(
        REFUSED_UPLOAD,
        "raises `CraftStoreError`",
        "raises `ServerError` with the reason",
        "errors of a service have one base class",
        "BaseClient.upload_file base refused.charm",
    ),
    Deviation(
        SHORT_UPLOAD,
        "raises `KeyError`",
        "accepts it when it has the `upload_id`",
        "the storage host may leave it out",
        "BaseClient.upload_file base short.charm",
    ),
    Deviation(
        UNREGISTERED,
        "returns the package's identifier",
        "returns `None`",
        "the package no longer exists",
        "BaseClient.unregister_name base",
    ),
    Deviation(ODD_NAMES, *_ODD_NAMES, "BaseClient.list_revisions base a/b"),
    Deviation(ODD_NAMES_BACK, *_ODD_NAMES, "BaseClient.list_revisions base a/b"),
    Deviation(
        NO_RESOURCE_REVISION,
        "omits the key where it was not given",
        "sends `null` for `None`",
        "one form for both; craft-store sends `null`, too, when it is given",
        "BaseClient.release base a resource without a revision",
    ),
    Deviation(INVALID_CHANNEL, *_INVALID_CHANNEL, "BaseClient.release base an invalid channel"),
    Deviation(INVALID_CHANNEL_BACK, *_INVALID_CHANNEL, "BaseClient.release base an invalid channel"),
    Deviation(
        SEVERAL,
        "sends them in one request",
        "sends a request for each, except for a promotion",
        "a call releases one revision; what happens after a lost response is certain for each",
        "BaseClient.release base several revisions",
    ),
    Deviation(
        NO_BASE,
        "raises `ValidationError`",
        "returns the release with `base=None`",
        "bundles, and charms that run anywhere, have no base",
        "BaseClient.get_list_releases base no base",
    ),
    Deviation(
        WHOLE_RESOURCE,
        "leaves the upload and the review to its caller",
        "looks the file up by its digest first, uploads it, and waits for the review",
        "what is there already is not sent again, and a call ends with a revision",
        "BaseClient.push_resource base",
    ),
    Deviation(
        NO_UPDATE,
        "raises `ValueError`",
        "raises `InputError`",
        "every error of lading is a `LadingError`",
        "BaseClient.update_resource_revisions base nothing",
    ),
    Deviation(
        "UbuntuOneStoreClient.notify_revision",
        _NO_PATH,
        "`POST /dev/api/snap-push/`",
        _OWN_API,
        "UbuntuOneStoreClient.notify_revision u1",
    ),
    Deviation(
        "UbuntuOneStoreClient.list_revisions",
        _NO_PATH,
        "`GET /api/v2/snaps/{name}/releases`, page by page",
        _OWN_API,
        "UbuntuOneStoreClient.list_revisions u1",
    ),
    Deviation(
        SNAP_RESULTS,
        _NO_PATH,
        "returns them",
        _OWN_API,
        "UbuntuOneStoreClient.list_revisions u1",
    ),
    Deviation(
        "UbuntuOneStoreClient.get_list_releases",
        "`GET /v1/snap/{name}/releases`",
        "`GET /api/v2/snaps/{name}/channel-map`; `/v1/...` for on-prem stores",
        _OWN_API,
        "UbuntuOneStoreClient.get_list_releases u1",
    ),
    Deviation(
        "UbuntuOneStoreClient.release",
        "`POST /v1/snap/{name}/releases`",
        "`POST /dev/api/snap-release/` and `.../close`; `/v1/...` for on-prem stores",
        _OWN_API,
        "UbuntuOneStoreClient.release u1",
    ),
    Deviation(
        "UbuntuOneStoreClient.list_registered_names",
        "`GET /v1/snap`",
        "`GET /dev/api/account`; `/v1/...` for on-prem stores",
        _OWN_API,
        "UbuntuOneStoreClient.list_registered_names u1",
    ),
    Deviation(
        SNAP_NAMES,
        "has what the gateway's API describes",
        "has what the account describes; `metadata` has more",
        _OWN_API,
        "UbuntuOneStoreClient.list_registered_names u1",
    ),
    Deviation(
        "UbuntuOneStoreClient.register_name",
        "`POST /v1/snap`",
        "`POST /dev/api/register-name/`; `/v1/...` for on-prem stores",
        _OWN_API,
        "UbuntuOneStoreClient.register_name u1",
    ),
    Deviation(
        SNAP_RESOURCES,
        "raises `NotImplementedError` at the call",
        "`SnapStore` has no such attribute",
        "a type checker finds the mistake",
        "UbuntuOneStoreClient.push_resource u1",
    ),
    Deviation(NO_TRACKS, *_NO_TRACKS, "PublisherGateway.create_tracks none"),
    Deviation(NO_TRACKS_BACK, *_NO_TRACKS, "PublisherGateway.create_tracks none"),
    Deviation(LINE_FEED, *_LINE_FEED, "PublisherGateway.create_tracks ends with a line feed"),
    Deviation(LINE_FEED_BACK, *_LINE_FEED, "PublisherGateway.create_tracks ends with a line feed"),
    Deviation(
        DESCRIPTION,
        "`craft-store`",
        "`lading`",
        "the store's list of sessions says which program logged in",
        "UbuntuOneAuth by default",
    ),
    Deviation(
        EXCHANGE_REFUSED,
        "raises `CraftStoreError`, or an error of httpx",
        "raises an `ApiError` with status and code",
        "errors of a service have one base class",
        "UbuntuOneAuth refused",
    ),
    Deviation(
        INVALID_ARGUMENT,
        "raises `ValueError`",
        "raises `InputError`",
        "every error of lading is a `LadingError`",
        "StoreClient.login store of another type",
    ),
    Deviation(TOKEN_TEXT, *_TOKEN_TEXT, "StoreClient.login a token as text"),
    Deviation(TOKEN_TEXT_BACK, *_TOKEN_TEXT, "StoreClient.login a token as text"),
    Deviation(
        WAITING,
        "omits it at the wait, and sends it with all other requests to Candid",
        "sends it with all requests to Candid",
        "all requests to Candid have the same form",
        "StoreClient.login store",
    ),
    Deviation(VERSION_2, *_VERSION_2, "UbuntuOneStoreClient.login macaroons of version 2"),
    Deviation(VERSION_2_BACK, *_VERSION_2, "UbuntuOneStoreClient.login macaroons of version 2"),
    Deviation(
        CANDID_ERRORS,
        "raises `CraftStoreError` or, outside of that, `DischargeError` and `InteractionError` of macaroonbakery",
        "raises `RequestTimeout` when nobody came, `InvalidResponse`, or the `ApiError` of the response's meaning",
        "every error of lading is a `LadingError`",
        "StoreClient.login nobody came",
    ),
    Deviation(
        ELSEWHERE,
        "raises `CraftStoreError`: an invalid root macaroon",
        "raises `ConfigError` with both hosts",
        "the message says what to correct: `login_url`",
        "UbuntuOneStoreClient.login caveat one of another host",
    ),
    Deviation(
        NO_CAVEAT,
        "raises `CraftStoreError`",
        "raises `InvalidResponse`",
        "the store's response is what is wrong",
        "UbuntuOneLogin.login_with no caveat",
    ),
    Deviation(
        SITE,
        "replaces the last segment of the path",
        "keeps the path",
        "the store clients of craft-store keep it, too",
        "UbuntuOneLogin.login_with at a path",
    ),
    Deviation(SLASH, *_SLASH, "StoreClient.whoami store at /"),
    Deviation(SLASH_BACK, *_SLASH, "StoreClient.whoami store at /"),
    Deviation(
        ON_DEMAND,
        "is called again, and requests another root macaroon",
        "calls the function `otp`, and requests the discharge again",
        "one call is enough, and the store gets one request less",
        "UbuntuOneStoreClient.login second factor, when it is needed",
    ),
    Deviation(REFRESH_SIGN, *_REFRESH_SIGN, "UbuntuOneStoreClient.request refreshed by header"),
    Deviation(REFRESH_SIGN_BACK, *_REFRESH_SIGN, "UbuntuOneStoreClient.request refreshed by header"),
    Deviation(
        EMPTY_LISTS,
        "`UbuntuOneLogin` sends them; the other logins do not",
        "omits them",
        "an empty list means no restriction in every login",
        "UbuntuOneLogin.login_with empty lists",
    ),
    Deviation(
        PERMISSIONS,
        "`account-view-packages`",
        "what publishing needs: `PUBLISH_PERMISSIONS`",
        "the usual login is for publishing; charmcraft passes its own permissions",
        "UbuntuOneLogin.login_with default permissions",
    ),
    Deviation(
        LIFETIME,
        "24 hours",
        "30 hours",
        "as charmcraft has it",
        "UbuntuOneLogin.login_with default lifetime",
    ),
    Deviation(
        REPLACED,
        "raises `CredentialsAlreadyAvailable`, unless `force=True`",
        "`tokens.import_` replaces them; a login raises `Conflict`, unless `overwrite=True`",
        "importing credentials says that these are to be used",
        "Auth.set_credentials others are there",
    ),
    Deviation(
        NOT_BASE64,
        "ignores characters that are not base64",
        "takes the text itself as a token, and raises `ConfigError` where it cannot be one",
        "damaged credentials must not turn into other ones",
        "Auth.decode_credentials no base64",
    ),
    Deviation(
        OTHER_FORM,
        "the reader for Candid takes any JSON without a type for a macaroon",
        "recognises the form, and signs with what it has",
        "the client need not know how the credentials were obtained",
        "a pair without a type",
    ),
    Deviation(
        EXHAUSTED,
        "raises `NetworkError`, without the response",
        "raises `ServerError` with the store's response",
        "the response says what failed",
        "HTTPClient.get 503 always",
    ),
    Deviation(LOST, *_LOST, "StoreClient.notify_revision store lost"),
    Deviation(LOST_BACK, *_LOST, "StoreClient.notify_revision store lost"),
    Deviation(TOO_MANY, *_TOO_MANY, "HTTPClient.get 429 without a time"),
    Deviation(TOO_MANY_BACK, *_TOO_MANY, "HTTPClient.get 429 without a time"),
    Deviation(
        ODD_ERRORS,
        "raises `TypeError`",
        "raises an `ApiError`",
        "the status says enough",
        "BaseClient.whoami an error, null",
    ),
    Deviation(
        GATEWAY_ERRORS,
        "raises `CraftStoreError`, in which status and code are text",
        "raises an `ApiError` of the meaning's own class, with status, code and detail",
        "callers need not parse text",
        "PublisherGateway.whoami an error, hyphens",
    ),
    Deviation(
        ODD_GATEWAY_ERRORS,
        "raises `TypeError` or `AttributeError`",
        "raises an `ApiError`",
        "the status says enough",
        "PublisherGateway.whoami an error, an array",
    ),
    Deviation(
        PAGE,
        "raises an error of requests",
        "raises `InvalidResponse`",
        "every error of lading is a `LadingError`",
        "BaseClient.whoami a page",
    ),
    Deviation(
        NO_KEY,
        "raises `KeyError`",
        "raises `InvalidResponse`",
        "every error of lading is a `LadingError`",
        "BaseClient.register_name no identifier",
    ),
    Deviation("CHARMHUB.list_releases_model", *_MODEL, "CHARMHUB"),
    Deviation("SNAP_STORE.list_releases_model", *_MODEL, "SNAP_STORE"),
    Deviation("U1_SNAP_STORE.list_releases_model", *_MODEL, "U1_SNAP_STORE"),
    Deviation(
        "U1_SNAP_STORE.tokens_exchange",
        "the path of the discharge at Ubuntu One",
        "empty: nothing is exchanged; the path at Ubuntu One is the same for all stores, and no data",
        "a field has one meaning: the path of the exchange at the store",
        "U1_SNAP_STORE",
    ),
)
