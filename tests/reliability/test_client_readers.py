"""What readers raise over what servers send: it is one of lading's errors, and no write is lost by it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lading import Auth, Call, InputError, InvalidResponse, LadingError, NetworkError, Retry, TokenAuth
from lading._core.send_once import NOT_FOUND, Found
from lading._core.sender import Sender
from lading.testing import DropAfter, ServerResponse
from tests.support.transport_client import as_response, make_client

if TYPE_CHECKING:
    from lading import PyPI, Response
    from lading._core.send_once import LookupResult, LookupSender
    from tests.support.canned_store import CannedStore

pytestmark = pytest.mark.anyio

RAISED = [AssertionError("keyword"), OverflowError(), RecursionError(), KeyError("ETag"), ZeroDivisionError()]
FATAL = [KeyboardInterrupt(), SystemExit(3), MemoryError()]


def fail_with(error: BaseException) -> Any:
    """A function of anything that raises *error*."""

    def fail(*_: object) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("error", RAISED, ids=repr)
async def test_a_write_whose_response_cannot_be_read_is_looked_up(
    lasting_client: PyPI, canned_store: CannedStore, error: Exception
):
    canned_store.response = ServerResponse.json("made")
    seen: list[LadingError] = []

    async def look_up(sender: LookupSender, lost: LadingError) -> LookupResult[str]:
        seen.append(lost)
        return Found("found")

    call: Call[str] = Call("POST", "thing", fail_with(error))
    assert await lasting_client._sender.send_once(call, look_up) == "found"
    with pytest.raises(InvalidResponse) as caught:
        await lasting_client.send(call)
    for one in (*seen, caught.value):
        assert one.outcome == "unknown"
        assert one.__cause__ is error


@pytest.mark.parametrize("error", RAISED, ids=repr)
async def test_a_look_up_that_cannot_be_read_leaves_the_outcome_unknown(
    lasting_client: PyPI, canned_store: CannedStore, error: Exception
):
    canned_store.faults.add(DropAfter())

    async def look_up(sender: LookupSender, lost: LadingError) -> LookupResult[Response]:
        raise error

    with pytest.raises(NetworkError) as caught:
        await lasting_client._sender.send_once(Call("POST", "thing", as_response), look_up)
    assert caught.value.outcome == "unknown"
    assert caught.value.__cause__ is error


async def test_what_a_hook_raises_during_a_look_up_arrives(lasting_client: PyPI, canned_store: CannedStore):
    class HookError(Exception):
        pass

    def hook(event: object) -> None:
        if getattr(event, "path", "") == "look":
            raise HookError

    async def look_up(sender: LookupSender, lost: LadingError) -> LookupResult[Response]:
        await sender.send(Call("GET", "look", as_response))
        return NOT_FOUND

    canned_store.faults.add(DropAfter(), path="/thing")
    client = lasting_client.with_options(hooks=hook)
    with pytest.raises(HookError):
        await client._sender.send_once(Call("POST", "thing", as_response), look_up)


@pytest.mark.parametrize("error", RAISED, ids=repr)
async def test_an_error_that_cannot_be_read_keeps_its_status(
    lasting_client: PyPI, canned_store: CannedStore, error: Exception
):
    canned_store.response = ServerResponse(404, {}, b"there is none")
    sender = lasting_client._sender
    broken = Sender(replace(sender.service, read_error=fail_with(error)), sender.settings, sender.loop_state)
    with pytest.raises(LadingError, match=r"there is none \(HTTP 404\)"):
        await broken.send(Call("GET", "thing", as_response))


@pytest.mark.parametrize("error", RAISED, ids=repr)
@pytest.mark.parametrize("notices", ["raises", "no text"])
async def test_a_notice_that_cannot_be_read_loses_no_response(
    lasting_client: PyPI, canned_store: CannedStore, error: Exception, notices: str
):
    canned_store.response = ServerResponse.json("made")
    sender = lasting_client._sender
    observe = fail_with(error) if notices == "raises" else lambda _: [5, None]
    observing = Sender(replace(sender.service, on_response=observe), sender.settings, sender.loop_state)
    assert (await observing.send(Call("POST", "thing", as_response))).json() == "made"


@pytest.mark.parametrize("error", RAISED, ids=repr)
async def test_credentials_that_cannot_read_a_response(
    lasting_client: PyPI, canned_store: CannedStore, error: Exception
):
    class Broken(Auth):
        def flow(self, request: Any) -> Any:
            yield request
            raise error

    canned_store.response = ServerResponse.json("made")
    for method, outcome in (("GET", "not_done"), ("POST", "unknown")):
        with pytest.raises(InvalidResponse, match=type(error).__name__) as caught:
            await lasting_client.send(Call(method, "thing", as_response, auth=Broken()))
        assert caught.value.outcome == outcome
        assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", FATAL, ids=repr)
async def test_what_is_no_failure_of_the_reader_arrives(
    lasting_client: PyPI, canned_store: CannedStore, error: BaseException
):
    canned_store.response = ServerResponse.json("made")
    with pytest.raises(type(error)) as caught:
        await lasting_client.send(Call("POST", "thing", fail_with(error)))
    assert caught.value is error


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: Call("GET", "a/\ud800", as_response), "path"),
        (lambda: Call("GET", "http://127.0.0.1/\udfff", as_response), "path"),
        (lambda: Call("GET", "http://127.0.0.1\ud800/", as_response), "path"),
        (lambda: Call("GET", "a/{x}", as_response, path_params={"x": "\ud800"}), "x"),
        (lambda: Call("GET", "a", as_response, params={"x": "\ud800"}), "params"),
        (lambda: Call("POST", "a", as_response, form={"x": "\ud800"}), "form"),
        (lambda: Call("GET", "a", as_response, headers={"X": "\ud800"}), "headers"),
        (lambda: Call("GET", "a", as_response, headers={"X\ud800": "x"}), "headers"),
    ],
)
async def test_halves_of_characters_are_input_errors(lasting_client: PyPI, call: Any, argument: str):
    with pytest.raises(InputError) as caught:
        await lasting_client.send(call())
    assert caught.value.argument == argument


async def test_halves_of_characters_in_json_are_escaped(lasting_client: PyPI, canned_store: CannedStore):
    canned_store.response = ServerResponse.json("\ud800")
    response = await lasting_client.send(Call("POST", "a", as_response, json={"x": "\ud800"}))
    assert response.json() == "\ud800"


async def test_a_secret_with_half_a_character(canned_store: CannedStore):
    async with make_client(canned_store.server.url, auth=TokenAuth("abc\ud800def"), retry=Retry(attempts=1)) as client:
        with pytest.raises(LadingError, match="no header can carry"):
            await client.send(Call("GET", "a", as_response))
