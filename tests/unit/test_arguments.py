"""Public calls refuse unknown options and arguments of a wrong type, before they do anything."""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import pkgutil
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import httpx
import pytest

import lading
from lading import (
    Auth,
    BasicAuth,
    Charmhub,
    Copr,
    InputError,
    PollInterval,
    PyPI,
    Retry,
    Stager,
    Timeout,
    TokenAuth,
    copr,
    pypi,
    s3,
)
from lading._core import arguments
from lading._core.settings import as_hooks, as_retry, as_timeout
from lading.fanout import fan_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(lading.__path__, "lading.")
    if not module.name.endswith("__main__")
]


def functions_of(owner: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions of a class, as they are called; without an instance, a method's first argument is anything."""
    for name, member in vars(owner).items():
        if inspect.isfunction(member):
            yield name, functools.partial(member, object())
        elif isinstance(member, (classmethod, staticmethod)):
            yield name, getattr(owner, name)


def all_functions() -> dict[str, Callable[..., Any]]:
    """Every function and method of lading."""
    found: dict[str, Callable[..., Any]] = {}
    for module in MODULES:
        for name, member in vars(module).items():
            if getattr(member, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(member):
                found[f"{module.__name__}.{name}"] = member
            elif inspect.isclass(member):
                found |= {f"{module.__name__}.{name}.{n}": f for n, f in functions_of(member)}
    return found


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    found = function.func if isinstance(function, functools.partial) else function
    return inspect.unwrap(getattr(found, "__func__", found))


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call it; what it returns may be a coroutine, whose first step is taken."""
    result = function(*args, **kwargs)
    if inspect.iscoroutine(result):
        try:
            result.send(None)
        finally:
            result.close()


def is_checked(function: Any) -> bool:
    """Whether its arguments are checked."""
    found = getattr(function, "func", getattr(function, "__func__", function))
    return found.__code__.co_filename == arguments.__file__ and hasattr(found, "__wrapped__")


FUNCTIONS = all_functions()
WITH_OPTIONS = {
    name: function
    for name, function in FUNCTIONS.items()
    if any("Unpack[" in str(hint) for hint in plain(function).__annotations__.values())
}
CHECKED = {name: function for name, function in FUNCTIONS.items() if is_checked(function)}


def test_all_functions_are_found() -> None:
    assert len(WITH_OPTIONS) >= 22
    assert len(CHECKED) > 90


@pytest.mark.parametrize("name", sorted(WITH_OPTIONS))
def test_unknown_options_are_type_errors(name: str) -> None:
    with pytest.raises(TypeError, match=r"\w+\(\) has no option 'nonsense_option'") as caught:
        call(WITH_OPTIONS[name], nonsense_option=1)
    shown = plain(WITH_OPTIONS[name]).__qualname__.removesuffix(".__init__")
    assert shown in str(caught.value)


@pytest.mark.parametrize("client", [Copr, PyPI, Stager])
@pytest.mark.parametrize(
    ("option", "ours"),
    [
        ("verify", "tls="),
        ("ca_bundle", "tls="),
        ("ssl_context", "tls="),
        ("proxy", "HTTPS_PROXY"),
        ("proxies", "http_client="),
        ("transport", "http_client="),
        ("max_retries", "retry="),
        ("connect_timeout", "timeout="),
        ("read_timeout", "timeout="),
        ("max_connections", "limits="),
        ("event_hooks", "hooks="),
        ("http2", "http_client="),
        ("timout", "'timeout'"),
        ("user_agnet", "'user_agent'"),
    ],
)
def test_foreign_spellings_say_what_ours_is(client: type, option: str, ours: str) -> None:
    with pytest.raises(TypeError, match=f"has no option '{option}'.*{ours}"):
        client(**{option: object()})


@pytest.mark.parametrize(
    ("make", "ours"),
    [
        (lambda: Copr(base_url="https://copr.test"), "url="),
        (lambda: PyPI(base_url="https://index.test"), r"lading\.Index"),
        (lambda: PyPI(repository_url="https://index.test"), r"lading\.Index"),
        (lambda: PyPI(username="u", password="p"), r"lading\.BasicAuth"),
        (lambda: PyPI(api_token="t"), "token="),
        (lambda: Stager(endpoint_url="http://minio.test"), 'endpoint_urls={"s3"'),
        (lambda: Stager(region="eu-west-1"), r'regions=\["eu-west-1"\]'),
        (lambda: Stager(region_name="eu-west-1"), "regions="),
        (lambda: Stager(aws_access_key_id="k"), "profile="),
        (lambda: Copr.from_config(max_retries=3), "retry="),
        (lambda: PyPI.from_config(repository="pypi"), "name="),
        (lambda: PyPI().with_options(timout=3), "'timeout'"),
        (lambda: PyPI().with_options(token="t"), r"auth=lading\.BasicAuth"),
        (lambda: Charmhub().with_options(token="t"), r"auth=lading\.canonical\.StoreAuth"),
        (lambda: PyPI().releases.upload_many("dist", skip_existing=True), "always skipped, compared by digest"),
        (lambda: Copr().builds.wait(1, timeout=60), r"anyio\.fail_after\(seconds\)"),
        (lambda: Copr().builds.wait(1, interval=60), r"poll=.*lading\.PollInterval"),
    ],
)
def test_options_of_other_libraries_say_what_ours_is(make: Callable[[], object], ours: str) -> None:
    with pytest.raises(TypeError, match=ours):
        make()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("make", "ours"),
    [
        (lambda c: c.revisions.upload("demo", "demo.charm", channels=["edge"]), r'use release=\["edge"\]'),
        (lambda c: c.releases.release("demo", 1, channel="edge"), r'use channels=\["edge"\]'),
        (lambda c: c.revisions.upload("demo", filepath="demo.charm"), "use source="),
        (lambda c: c.packages.register("demo", entity_type="charm"), "use type="),
        (lambda c: c.resources.upload("demo", resource_name="image", source="x"), "use resource="),
    ],
)
async def test_arguments_of_craft_store_say_what_ours_is(make: Callable[[Charmhub], Any], ours: str) -> None:
    with pytest.raises(TypeError, match=ours):
        await make(Charmhub())


def names_in(annotation: str) -> set[str]:
    """The names of classes in an annotation, aliases resolved."""
    found: set[str] = set()

    def note(name: str) -> arguments.Check:
        found.add(name)
        return arguments.Check(lambda _: True, name)

    original, cached = arguments._class_named, arguments.check_of
    arguments._class_named = note
    arguments.check_of = cached.__wrapped__
    try:
        arguments.check_of(annotation)
    finally:
        arguments._class_named, arguments.check_of = original, cached
    return found


def annotations_of(name: str) -> dict[str, str]:
    """The annotations of a function's parameters, those in ``**options`` included."""
    signature = inspect.signature(plain(CHECKED[name]))
    hints = {p.name: p.annotation for p in signature.parameters.values() if p.annotation is not p.empty}
    for hint in list(hints.values()):
        if str(hint).startswith("Unpack["):
            options = OPTIONS[hint.removeprefix("Unpack[").removesuffix("]")]
            hints |= {n: getattr(h, "__forward_arg__", h) for n, h in options.__annotations__.items()}
    return {
        n: h for n, h in hints.items() if not str(h).startswith("Unpack[") and n not in {"parameters", "args", "kwargs"}
    }


OPTIONS = {
    name: member
    for module in MODULES
    for name, member in vars(module).items()
    if hasattr(member, "__total__") and hasattr(member, "__annotations__")
}
CLASSES = {name for module in MODULES for name, member in vars(module).items() if inspect.isclass(member)} | {
    "SSLContext",
    "AioSession",
    "UUID",
    "Version",
    "datetime",
    "date",
}


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_every_annotation_is_understood(name: str) -> None:
    """A name that is no class would be met by no value: it belongs in ``ALIASES``."""
    unknown = {one for hint in annotations_of(name).values() for one in names_in(hint)} - CLASSES
    assert not unknown


class Wrong:
    """Nothing that any call takes."""

    def __repr__(self) -> str:
        return "hunter2"


PARAMETERS = [
    (name, parameter)
    for name in sorted(CHECKED)
    for parameter, hint in annotations_of(name).items()
    if hint not in arguments._ANYTHING and parameter != "session"
]


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS, ids=lambda part: part.removeprefix("lading."))
def test_a_value_of_a_wrong_type_is_an_input_error_that_names_the_argument(name: str, parameter: str) -> None:
    kinds = inspect.signature(plain(CHECKED[name])).parameters
    with pytest.raises(InputError, match=f"{parameter}= must be") as caught:
        if parameter in kinds and kinds[parameter].kind is inspect.Parameter.VAR_POSITIONAL:
            before = list(kinds).index(parameter) - ("self" in kinds)
            call(CHECKED[name], *["x"] * before, Wrong())
        else:
            call(CHECKED[name], **{parameter: Wrong()})
    assert caught.value.argument == parameter
    assert "hunter2" not in str(caught.value)


def has(hint: str, kinds: tuple[str, ...]) -> bool:
    return any(f"{kind}[" in hint for kind in kinds) and " str " not in f" {hint} " and "StrPath |" not in hint


STRINGS_WANTED = [(n, p) for n, p in PARAMETERS if has(annotations_of(n)[p], ("Iterable", "Sequence"))]
CALLBACKS = [(n, p) for n, p in PARAMETERS if p in {"on_progress", "hooks"}]


@pytest.mark.parametrize(("name", "parameter"), STRINGS_WANTED, ids=lambda part: part.removeprefix("lading."))
def test_one_string_where_several_are_wanted_is_refused(name: str, parameter: str) -> None:
    if parameter in {"source", "builds", "links", "updates", "only_if_revision"}:
        pytest.skip("takes other things too")
    if parameter in {"bases", "filters", "hooks", "reviews"}:  # a list of strings would be wrong, too
        expected = rf"{parameter}= must be .*, not a str(: give what revisions\.notify returned)?$"
    else:
        expected = rf"{parameter}= must be .*one string: write {parameter}=\["
    with pytest.raises(InputError, match=expected) as caught:
        call(CHECKED[name], **{parameter: "fedora-rawhide-x86_64"})
    assert caught.value.argument == parameter


async def async_function(_: object) -> None: ...


class AsyncCallable:
    async def __call__(self, _: object) -> None: ...


@pytest.mark.parametrize(("name", "parameter"), CALLBACKS, ids=lambda part: part.removeprefix("lading."))
@pytest.mark.parametrize(
    "callback",
    [
        async_function,
        functools.partial(async_function, 1),
        functools.partial(functools.partial(async_function)),
        AsyncCallable(),
        AsyncCallable().__call__,
        functools.partial(AsyncCallable()),
    ],
    ids=["function", "partial", "nested partial", "object", "method", "partial of an object"],
)
def test_async_callbacks_are_refused_at_the_call(name: str, parameter: str, callback: object) -> None:
    for value in (callback, [callback]) if parameter == "hooks" else (callback,):
        with pytest.raises(InputError, match=f"{parameter}= is an async function") as caught:
            call(CHECKED[name], **{parameter: value})
        assert caught.value.argument == parameter


@pytest.mark.parametrize(
    ("make", "argument", "message"),
    [
        (lambda: PyPI(auth=("user", "pw")), "auth", r"lading\.BasicAuth\(user, password\)"),
        (lambda: Copr(auth="secret"), "auth", r"lading\.TokenAuth"),
        (lambda: PyPI().with_options(auth=("user", "pw")), "auth", "BasicAuth"),
        (lambda: Stager("eu-west-1"), "regions", r'regions=\["\.\.\."\]'),
        (lambda: Stager(regions="eu-west-1"), "regions", r'regions=\["\.\.\."\]'),
        (lambda: Stager(["a"], endpoint_urls="http://minio.test"), "endpoint_urls", r'endpoint_urls=\{"s3"'),
        (lambda: Stager(["a"], tags=["a=1"]), "tags", "tags={"),
        (lambda: PyPI(tls=False), "tls", "cannot be switched off.*ca.pem"),
        (lambda: Copr(tls=True), "tls", "cannot be switched off.*ca.pem"),
        (lambda: Stager(["a"], tls=False), "tls", "cannot be switched off"),
        (lambda: PyPI(retry=0), "attempts", "1 or more"),
        (lambda: PyPI(retry="3"), "retry", "retry=3"),
        (lambda: PyPI(retry=2.5), "retry", "retry=3"),
        (lambda: PyPI(timeout="5"), "timeout", "timeout=5"),
        (lambda: PyPI(timeout=-1), "connect", "at least 0"),
        (lambda: PyPI(timeout=(3, 5)), "timeout", r"lading\.Timeout"),
        (lambda: Timeout(read="5"), "read", "must be a number"),
        (lambda: Retry(attempts="5"), "attempts", "must be a number"),
        (lambda: PyPI(limits=10), "limits", r"lading\.Limits"),
        (lambda: PyPI(hooks=[1]), "hooks", "plain function"),
        (lambda: PyPI(token=""), "token", "is empty.*CI secret"),
        (lambda: PyPI(token=" \n"), "token", "is empty.*CI secret"),
        (lambda: PyPI(token=b"pypi-x"), "token", "not a bytes"),
        (lambda: PyPI(limits=5), "limits", "not an int"),
        (
            lambda: call(CHECKED["lading.pypi.releases.Releases.upload"], source=io.BytesIO()),
            "source",
            "open file: give its path",
        ),
        (lambda: Copr().builds.wait("7"), "builds", "an int or a Build .*not a str$"),
        (lambda: Copr(login="", token="t"), "login", "is empty"),
        (lambda: Copr(login="l", token=" "), "token", "is empty"),
        (lambda: BasicAuth("user", ""), "password", "is empty"),
        (lambda: TokenAuth("\t"), "token", "is empty"),
        (lambda: copr.TokenPairAuth("l", ""), "token", "is empty"),
        (lambda: fan_out(print, "dist/*"), "items", "one string"),
        (lambda: fan_out(print, 5), "items", "must be"),
        (lambda: Charmhub(hooks=[print, {}]), "hooks", "not a list of builtin_function_or_method, dict$"),
        (lambda: PollInterval(initial="5"), "initial", "a number"),
        (lambda: PollInterval(factor=0.5), "poll", "1 or more"),
        (lambda: pypi.Index("https://i.test/", simple_url=5), "simple_url", "a str"),
    ],
)
def test_what_people_write_is_refused_with_what_to_write(
    make: Callable[[], object], argument: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert caught.value.argument == argument


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("make", "argument", "message"),
    [
        (lambda s, c: s.stage("p", "1.0.0", b"", metadata=["a=1"]), "metadata", 'metadata={"name": "value"}'),
        (lambda s, c: s.stage("p", "1.0.0", b"", metadata={"a": 1}), "metadata", "from a str to a str"),
        (lambda s, c: s.stage("p", "1.0.0", 5), "source", "a path or bytes"),
        (lambda s, c: s.stage(None, "1.0.0", b""), "project", "must be a str, not None"),
        (lambda s, c: s.get(["p"]), "project", "must be a str"),
        (lambda s, c: c.builds.get("5"), "build", "must be an int"),
        (lambda s, c: c.builds.get(True), "build", "must be an int"),
        (lambda s, c: c.builds.download(5, "to", kinds="rpms"), "kinds", r'kinds=\["\.\.\."\]'),
        (lambda s, c: c.builds.create_from_urls("o", "p", "https://x.test"), "urls", r"urls=\["),
        (lambda s, c: c.builds.create_from_url("o", "p", "u", chroots="f"), "chroots", r"chroots=\["),
        (lambda s, c: c.builds.create_from_url("o", "p", "u", timeout="5"), "timeout", "must be an int or None|an int"),
        (lambda s, c: c.projects.get("o", 5), "project", "must be a str"),
        (lambda s, c: c.projects.create("o", "p", chroots="fedora-rawhide-x86_64"), "chroots", r"chroots=\["),
        (lambda s, c: c.builds.wait([5], poll="2"), "poll", "a number"),
        (lambda s, c: c.send("GET"), "call", r"lading\.Call"),
    ],
)
async def test_calls_refuse_with_what_to_write(make: Any, argument: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        result = make(Stager(["eu-west-1"]), Copr())
        if inspect.isawaitable(result):
            await result
    assert caught.value.argument == argument


def test_a_session_of_another_library_is_refused() -> None:
    boto3 = pytest.importorskip("boto3")
    for session in (boto3.Session(), object()):
        with pytest.raises(InputError, match="aiobotocore") as caught:
            Stager(["eu-west-1"], session=session)
        assert caught.value.argument == "session"


def test_a_coroutine_says_that_it_was_not_awaited() -> None:
    with pytest.raises(InputError, match="write await before it"):
        PyPI(token=async_function(1))


def test_numbers_stand_for_timeouts_and_retries() -> None:
    assert as_timeout(5) == Timeout(connect=5, read=5, write=5, pool=None, upload_response=5)
    assert as_timeout(Timeout(read=1)) == Timeout(read=1)
    assert as_retry(3) == Retry(attempts=3)
    assert as_hooks(print) == (print,)
    assert as_hooks([print, repr]) == (print, repr)
    client = PyPI(timeout=5, retry=3, hooks=print)
    assert client._connections.settings.timeout == as_timeout(5)
    assert client._connections.settings.retry == Retry(attempts=3)
    assert client._connections.settings.hooks == (print,)
    other = client.with_options(timeout=1, retry=1, hooks=repr)
    assert other._connections.settings.timeout == as_timeout(1)
    assert other._connections.settings.retry == Retry(attempts=1)
    assert other._connections.settings.hooks == (repr,)


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        ("str | None", ["x", None], [b"x", 1]),
        ("int", [1, 0], [True, 1.0, "1", None]),
        ("float", [1, 1.5], [True, "1"]),
        ("bool", [True], [1, None]),
        ("StrPath", ["x", Path("x")], [b"x", 1]),
        ("Iterable[str]", [["a"], ("a",), {"a"}, iter("ab"), {"a": 1}], ["a", b"a", [1], 1, None]),
        ("str | Sequence[str]", ["a", ["a"]], [1, [1]]),
        ("Mapping[str, str]", [{}, {"a": "b"}], [[], {"a": 1}, {1: "a"}]),
        ("Literal['git', 'svn']", ["git"], ["hg", 1]),
        ("Literal['git'] | str", ["hg"], [1]),
        ("Callable[[Progress], object]", [print, str], [1, async_function]),
        ("Callable[[], AsyncIterable[bytes]]", [print, async_function], [1]),
        ("ssl.SSLContext | StrPath | None", [ssl.create_default_context(), "ca.pem", None], [False, 1]),
        ("Auth", [BasicAuth("a", "b"), Auth()], ["a"]),
        ("Required[str]", ["a"], [1]),
        ("'str'", ["a"], [1]),
        ("Iterable[int | Build]", [[1]], [["a"], 1]),
        ("Any", [1, None, "x"], []),
    ],
)
def test_what_fits_an_annotation(annotation: str, right: list[object], wrong: list[object]) -> None:
    check = arguments.check_of(annotation)
    assert [value for value in right if not check.fits(value)] == []
    assert [value for value in wrong if check.fits(value)] == []


def test_every_method_of_a_client_and_its_resources_is_checked() -> None:
    public = {Copr, PyPI, Stager, s3.Artifact}
    for module in MODULES:
        if module.__name__.startswith(("lading.copr", "lading.pypi")):
            public |= {
                member
                for name, member in vars(module).items()
                if inspect.isclass(member) and name in {*Copr.__annotations__.values(), *PyPI.__annotations__.values()}
            }
    assert len(public) > 12
    unchecked = [
        f"{cls.__module__}.{cls.__name__}.{name}"
        for cls in public
        for name, member in vars(cls).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, classmethod))
        and not is_checked(member)
    ]
    assert not unchecked


def test_checked_functions_keep_their_signature() -> None:
    assert list(inspect.signature(Copr).parameters)[:2] == ["url", "login"]
    assert inspect.iscoroutinefunction(PyPI().releases.upload)
    assert not inspect.iscoroutinefunction(PyPI().releases.upload_many)
    assert PyPI.from_config.__doc__ is not None


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("auth", httpx.BasicAuth("ada", "s3cret")),
        ("limits", httpx.Limits(max_connections=5)),
        ("timeout", httpx.Timeout(5)),
    ],
)
def test_classes_of_other_libraries_with_a_name_of_ours_are_refused(option: str, value: object) -> None:
    with pytest.raises(InputError, match="lading") as caught:
        PyPI("pypi", **{option: value})  # type: ignore[arg-type]
    assert caught.value.argument == option


def test_what_passes_for_one_of_our_classes_is_accepted() -> None:
    assert PyPI("pypi", auth=MagicMock(spec=BasicAuth)).releases
