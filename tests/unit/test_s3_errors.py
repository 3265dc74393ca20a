"""What S3 and SSM mean when they say no: one class each, by code where the status says something else."""

from __future__ import annotations

import pickle

import pytest
from botocore.exceptions import ClientError

from lading import BadRequest, Conflict, Forbidden, NotFound, RateLimited, Unauthorized
from lading._core.messages import Response
from lading._core.retry import is_retryable
from lading._core.service import Service
from lading.errors import ApiError, ServerError
from lading.s3 import VersionExists
from lading.s3._aws.errors import botocore_error, bucket_region_of, client_error, error_class_for, read_error

S3 = Service(name="s3", base_url="https://s3.example/", accept="*/*")

TABLE = [
    (400, "AccessDeniedException", Forbidden),
    (403, "AccessDenied", Forbidden),
    (403, "", Forbidden),
    (403, "SignatureDoesNotMatch", Unauthorized),
    (403, "InvalidAccessKeyId", Unauthorized),
    (403, "RequestTimeTooSkewed", Unauthorized),
    (400, "ExpiredToken", Unauthorized),
    (400, "ExpiredTokenException", Unauthorized),
    (400, "UnrecognizedClientException", Unauthorized),
    (404, "NoSuchKey", NotFound),
    (404, "404", NotFound),
    (404, "NoSuchUpload", NotFound),
    (404, "NoSuchBucket", NotFound),
    (400, "ParameterNotFound", NotFound),
    (400, "ParameterAlreadyExists", Conflict),
    (409, "ConditionalRequestConflict", Conflict),
    (409, "ConcurrentModification", Conflict),
    (412, "PreconditionFailed", Conflict),
    (412, "", Conflict),
    (400, "ThrottlingException", RateLimited),
    (400, "TooManyUpdates", RateLimited),
    (503, "SlowDown", RateLimited),
    (400, "BadDigest", BadRequest),
    (400, "ValidationException", BadRequest),
    (500, "InternalError", ServerError),
    (500, "InternalServerError", ServerError),
    (200, "InternalServerError", ServerError),
]


@pytest.mark.parametrize(("status", "code", "kind"), TABLE)
def test_the_class_of_an_error(status: int, code: str, kind: type[ApiError]):
    assert error_class_for(status, code) is kind
    error = botocore_error("ssm", "GetParameter", status, code=code, message="why", headers={}, reads=True)
    assert type(error) is kind
    assert (error.service, error.status, error.code, error.detail) == ("ssm", status, code, "why")
    assert str(error).startswith("ssm: GetParameter: ")
    assert pickle.loads(pickle.dumps(error)).status == status


@pytest.mark.parametrize(("status", "code", "kind"), TABLE)
def test_the_same_from_xml(status: int, code: str, kind: type[ApiError]):
    body = f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>it &lt;is&gt; so</Message></Error>'.encode()
    error = read_error(S3, Response(status, {"x-amz-request-id": "R1"}, body), "PUT", ())
    assert type(error) is kind
    assert error.request_id == "R1"
    assert "it <is> so" in str(error)
    assert error.code == (code or None)


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"\xff\xfe", b"<Code", b"<Error></Error>"])
def test_what_is_no_xml_of_s3s_has_its_status(body: bytes):
    error = read_error(S3, Response(503, {}, body), "PUT", ())
    assert type(error) is ServerError
    assert error.outcome == "unknown"
    assert type(read_error(S3, Response(403, {}, body), "GET", ())) is Forbidden


def test_secrets_in_what_a_store_says_are_masked():
    body = b"<Error><Code>SignatureDoesNotMatch</Code><Message>not with verysecretkey</Message></Error>"
    error = read_error(S3, Response(403, {}, body), "PUT", ("verysecretkey",))
    assert "verysecretkey" not in str(error) + error.detail


def test_slow_down_is_a_refusal_and_may_be_repeated():
    body = b"<Error><Code>SlowDown</Code><Message>reduce</Message></Error>"
    error = read_error(S3, Response(503, {}, body), "PUT", ())
    assert error.outcome == "not_done"
    assert is_retryable(error, repeatable=False)
    control = botocore_error("s3", "PutObject", 503, code="SlowDown", message="", headers={}, reads=False)
    assert control.outcome == "not_done"
    assert is_retryable(control, repeatable=False)


def test_only_a_write_that_failed_there_may_have_been_done():
    def outcome(status: int, *, reads: bool) -> str:
        return botocore_error("s3", "X", status, code="", message="", headers={}, reads=reads).outcome

    assert outcome(500, reads=False) == "unknown"
    assert outcome(500, reads=True) == "not_done"
    assert outcome(404, reads=False) == "not_done"


def test_what_the_headers_say():
    headers = {"retry-after": "7", "x-amzn-requestid": "R2"}
    error = botocore_error("ssm", "X", 400, code="ThrottlingException", message="", headers=headers, reads=True)
    assert (error.retry_after, error.request_id) == (7.0, "R2")
    assert str(error) == "ssm: X: ThrottlingException (HTTP 400)"
    bare = botocore_error("s3", "HeadObject", 404, code="404", message="", headers={}, reads=True)
    assert str(bare) == "s3: HeadObject: no reason given (HTTP 404)"


def test_a_version_that_exists_is_a_conflict():
    assert issubclass(VersionExists, Conflict)


QUOTED = (
    "The request signature we calculated does not match the signature you provided.\n\n"
    "The Canonical String for this request should have been\n'POST\n/\n\nhost:ssm\n"
    "x-amz-security-token:a-token-that-nobody-may-see\n\nhost;x-amz-date'\n\n"
    "The String-to-Sign should have been\n'AWS4-HMAC-SHA256\n2026'"
)


@pytest.mark.parametrize("service", ["s3", "ssm", "sts"])
def test_the_request_that_aws_quotes_is_not_shown(service: str):
    error = botocore_error(service, "X", 403, code="SignatureDoesNotMatch", message=QUOTED, headers={}, reads=True)
    for text in (str(error), error.detail):
        assert "a-token" not in text
        assert "host" not in text
        assert "\n" not in text
    assert "does not match the signature you provided" in str(error)


def test_the_request_that_s3_quotes_is_not_shown():
    body = f"<Error><Code>SignatureDoesNotMatch</Code><Message>{QUOTED}</Message></Error>".encode()
    error = read_error(S3, Response(403, {}, body), "PUT", ())
    assert "a-token" not in str(error) + error.detail
    assert "host" not in str(error)


def test_secrets_that_signed_a_control_request_are_masked():
    message = "no role for the token verysecrettoken\nat all"
    error = botocore_error(
        "sts",
        "AssumeRole",
        403,
        code="AccessDenied",
        message=message,
        headers={},
        reads=True,
        secrets=["verysecrettoken"],
    )
    assert str(error) == "sts: AssumeRole: AccessDenied: no role for the token *** at all (HTTP 403)"
    assert "verysecret" not in error.detail


@pytest.mark.parametrize(
    "message", ["<html><head><title>Log in</title></head><body>x</body></html>", "<h1>Log in</h1>"]
)
def test_html_is_not_quoted(message: str):
    error = botocore_error("ssm", "X", 403, code="", message=message, headers={}, reads=True)
    assert str(error) == "ssm: X: Log in (HTTP 403)"


def test_a_message_that_is_missing_is_not_none():
    error = client_error(
        "s3",
        "X",
        ClientError({"Error": {"Code": None, "Message": None}, "ResponseMetadata": {"HTTPStatusCode": 404}}, "X"),
        reads=True,
    )
    assert str(error) == "s3: X: no reason given (HTTP 404)"


@pytest.mark.parametrize(
    ("status", "region", "said"),
    [
        (301, "eu-central-1", "eu-central-1"),
        (400, "eu-central-1", "eu-central-1"),
        (403, "eu-central-1", ""),
        (301, "evil.example/", ""),
    ],
)
def test_the_region_that_a_bucket_is_in(status: int, region: str, said: str):
    headers = {"x-amz-bucket-region": region}
    assert bucket_region_of(read_error(S3, Response(status, headers, b""), "PUT", ())) == said
    botocores = ClientError({"Error": {}, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}, "X")
    assert bucket_region_of(client_error("s3", "X", botocores, reads=True)) == said
