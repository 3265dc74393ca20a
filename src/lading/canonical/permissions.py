"""What a login may be restricted to: the permissions that Charmhub and the Snap Store know.

Any other string is sent as it is. The Snap Store's logins by Ubuntu One (``Endpoints.login_kind`` is ``"acl"``) have
names of their own, with underscores: see :data:`ACL_PERMISSIONS`.
"""

from __future__ import annotations

from typing import Final

ACCOUNT_MANAGE_KEYS: Final = "account-manage-keys"
ACCOUNT_MANAGE_METADATA: Final = "account-manage-metadata"
ACCOUNT_REGISTER_PACKAGE: Final = "account-register-package"
ACCOUNT_VIEW_PACKAGES: Final = "account-view-packages"
PACKAGE_MANAGE: Final = "package-manage"
PACKAGE_MANAGE_ACL: Final = "package-manage-acl"
PACKAGE_MANAGE_LIBRARY: Final = "package-manage-library"
PACKAGE_MANAGE_METADATA: Final = "package-manage-metadata"
PACKAGE_MANAGE_RELEASES: Final = "package-manage-releases"
PACKAGE_MANAGE_REVISIONS: Final = "package-manage-revisions"
PACKAGE_VIEW: Final = "package-view"
PACKAGE_VIEW_ACL: Final = "package-view-acl"
PACKAGE_VIEW_METADATA: Final = "package-view-metadata"
PACKAGE_VIEW_METRICS: Final = "package-view-metrics"
PACKAGE_VIEW_RELEASES: Final = "package-view-releases"
PACKAGE_VIEW_REVISIONS: Final = "package-view-revisions"
STORE_MANAGE: Final = "store-manage"
STORE_VIEW: Final = "store-view"

ACL_PERMISSIONS: Final = (
    "package_access",
    "package_manage",
    "package_metrics",
    "package_push",
    "package_register",
    "package_release",
    "package_update",
)
"""The permissions of the Snap Store's old logins, all of which snapcraft requests."""

PUBLISH_PERMISSIONS: Final = (
    ACCOUNT_REGISTER_PACKAGE,
    ACCOUNT_VIEW_PACKAGES,
    PACKAGE_MANAGE,
    PACKAGE_VIEW,
)
"""What publishing needs and no more, which is to register names, to upload, to release, and to read them back."""
