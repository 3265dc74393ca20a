"""Uploads to the embedded index: the checks of warehouse that clients can meet, in its order."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from lading.testing.index._archives import Archive
from lading.testing.index._description import check_description
from lading.testing.index._filenames import check_filename, check_sdist_name, check_wheel_name
from lading.testing.index._refusals import ApiRefusal
from lading.testing.index._state import Project, Publisher, Release, StoredFile
from lading.testing.index._tokens import authorize
from lading.testing.index._upload_form import check_form

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

    from lading.testing._server.forms import UploadedFile
    from lading.testing.index._request_body import UploadForm
    from lading.testing.index._state import IndexState
    from lading.testing.index._tokens import Identity
    from lading.testing.messages import Fields

_NO_MORE_FILES_AFTER = timedelta(days=14)
# The form's names of digests, and the JSON API's.
_DIGESTS = {"md5_digest": "md5", "sha256_digest": "sha256", "blake2_256_digest": "blake2b_256"}


class Upload:
    """The processing of one upload form. Blocks: for a worker thread."""

    def __init__(
        self, state: IndexState, identity: Identity, form: UploadForm, base_url: str, max_file_size: int
    ) -> None:
        self._state = state
        self._identity = identity
        self._form = form
        self._base_url = base_url
        self._max_file_size = max_file_size

    def run(self) -> None:
        """Store the file; do nothing if the index has the same file already.

        Raises:
            ApiRefusal: The index refuses it.
        """
        metadata = check_form(self._form)
        assert self._form.content is not None  # noqa: S101 - check_form() has checked it
        self._process(self._form.content, metadata)

    def _process(self, content: UploadedFile, form_metadata: RawMetadata) -> None:
        fields = self._form.fields
        name, filetype = fields["name"], fields["filetype"]
        version = Version(form_metadata.get("version", ""))
        with self._state.lock:
            project = self._state.project(name) or self._new_project(name)
            authorize(self._state, self._identity, project)
        check_description(form_metadata, f"{self._base_url}/help/#description-content-type")
        check_filename(content.filename, filetype)
        # A part without a type is text, as the parser of warehouse has it.
        if content.content_type == "" or (content.content_type or "").startswith("image/"):
            raise ApiRefusal(400, "Invalid distribution file.")
        self._check_size_and_digests(content, name)
        with self._state.lock:
            if self._is_stored(content):
                return
            self._check_release(project, version, filetype)
        metadata = self._inspect(content, form_metadata, version)
        attestations = self._attestations(fields)
        with self._state.lock:
            # Another upload may have been faster while the lock was not held.
            project = self._state.project(name) or project
            if not self._is_stored(content):
                self._check_release(project, version, filetype)
                self._store(project, content, version, metadata, attestations)

    def _check_size_and_digests(self, content: UploadedFile, name: str) -> None:
        if content.size > self._max_file_size:
            limit = f"{self._max_file_size / (1 << 20):g} MB"
            raise ApiRefusal(
                400,
                f"File too large. Limit for project {name!r} is {limit}. See {self._base_url}"
                "/project-management/storage-limits#requesting-a-file-size-limit-increase for more information.",
            )
        for field, kind in _DIGESTS.items():
            claimed = self._form.fields.get(field, "").lower()
            if claimed and claimed != content.digests[kind]:
                raise ApiRefusal(400, "The digest supplied does not match a digest calculated from the uploaded file.")

    def _inspect(self, content: UploadedFile, form_metadata: RawMetadata, version: Version) -> bytes | None:
        """Return a wheel's metadata; ``None`` for an sdist. What the file has and the form does not say is not read."""
        archive = Archive(content.path, content.filename, f"{self._base_url}/archives")
        archive.check_validity()
        license_files = form_metadata.get("license_files", [])
        if self._form.fields["filetype"] == "sdist":
            check_sdist_name(content.filename, self._form.fields["name"], version)
            archive.check_sdist(license_files)
            return None
        check_wheel_name(content.filename, self._form.fields["name"], version)
        return archive.check_wheel(license_files)

    def _new_project(self, name: str) -> Project:
        """Create a project, which is kept only if the upload succeeds. Those of publishers exist already."""
        owner = self._identity.owner
        return Project(name, owners=set() if isinstance(owner, Publisher) else {owner.id})

    def _is_stored(self, content: UploadedFile) -> bool:
        """Return whether the index has the same file; ``ApiRefusal`` if it has, or had, another of that name."""
        digest = content.digests["blake2b_256"]
        file = self._state.files.get(content.filename)
        if file is not None and file.digests["blake2b_256"] == digest:
            return True
        if file is not None or digest in self._state.contents:
            raise ApiRefusal(
                400,
                f"File already exists ({content.filename!r}, with blake2_256 hash {digest!r}). "
                f"See {self._base_url}/help/#file-name-reuse for more information.",
            )
        if content.filename in self._state.deleted:
            raise ApiRefusal(
                400,
                "This filename was previously used by a file that has since been deleted. Use a different version. "
                f"See {self._base_url}/help/#file-name-reuse for more information.",
            )
        return False

    def _check_release(self, project: Project, version: Version, filetype: str) -> None:
        """Check that a further file of that type can be added to the release."""
        release = project.releases.get(str(version))
        if release is not None and self._state.clock.now - release.created_at > _NO_MORE_FILES_AFTER:
            raise ApiRefusal(400, "Uploading new files to releases older than 14 days is not allowed.")
        if release is not None and filetype == "sdist" and any(f.filetype == "sdist" for f in release.files):
            raise ApiRefusal(400, "Only one sdist may be uploaded per release.")

    def _attestations(self, fields: Fields) -> tuple[object, ...]:
        text = fields.get("attestations")
        if text is None:
            return ()
        if not isinstance(self._identity.owner, Publisher):
            raise ApiRefusal(
                400,
                "Invalid attestations supplied during upload: Attestations are only supported when using Trusted "
                "Publishing",
            )
        try:
            found = json.loads(text)
        except ValueError as error:
            raise ApiRefusal(400, f"Invalid attestations supplied during upload: {error}") from None
        if not isinstance(found, list) or not 1 <= len(found) <= 2 or not all(isinstance(a, dict) for a in found):
            raise ApiRefusal(
                400, "Invalid attestations supplied during upload: a list of one or two attestations is needed"
            )
        return tuple(found)

    def _store(
        self,
        project: Project,
        content: UploadedFile,
        version: Version,
        metadata: bytes | None,
        attestations: tuple[object, ...],
    ) -> None:
        state, fields = self._state, self._form.fields
        directory = content.path.parent / content.digests["blake2b_256"]
        # It is there if the same content was uploaded before, and deleted.
        directory.mkdir(exist_ok=True)
        file = StoredFile(
            filename=content.filename,
            project=project.key,
            version=str(version),
            filetype=fields["filetype"],
            size=content.size,
            digests=content.digests,
            path=Path(content.path.replace(directory / content.filename)),
            fields=fields,
            uploaded_at=state.clock.now,
            uploaded_by=self._identity.owner,
            metadata_sha256=None if metadata is None else hashlib.sha256(metadata).hexdigest(),
            attestations=attestations,
        )
        if metadata is not None:
            file.metadata_path.write_bytes(metadata)
        release = project.releases.setdefault(str(version), Release(str(version), state.clock.now, fields))
        release.files.append(file)
        state.files[file.filename] = file
        state.contents.add(file.digests["blake2b_256"])
        # As on PyPI, the name is spelled as in the latest upload.
        project.name = fields["name"]
        state.save(project)
