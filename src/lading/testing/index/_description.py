"""The rendering of descriptions: what PyPI cannot display, it refuses."""

from __future__ import annotations

from email.message import EmailMessage
from typing import TYPE_CHECKING

from lading.testing.index._refusals import ApiRefusal

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata


def check_description(metadata: RawMetadata, help_url: str) -> None:
    """Check that the description can be rendered. Only reStructuredText has errors that prevent it.

    Nothing is checked where ``readme_renderer`` is not installed; the extra ``testing`` has it.

    Args:
        metadata: The metadata in the form.
        help_url: The URL of the page about content types.

    Raises:
        ApiRefusal: The description cannot be rendered.
    """
    description, content_type = metadata.get("description"), metadata.get("description_content_type")
    if not description or (content_type and _media_type(content_type) != "text/x-rst"):
        return
    try:
        from readme_renderer import rst  # noqa: PLC0415
    except ImportError:
        return
    if rst.render(description) is None:
        how = f"for '{content_type}'" if content_type else "in the default format of reStructuredText"
        raise ApiRefusal(400, f"The description failed to render {how}. See {help_url} for more information.")


def _media_type(content_type: str) -> str:
    message = EmailMessage()
    message["content-type"] = content_type
    return message.get_content_type()
