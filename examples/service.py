"""A web service that publishes wheels and submits builds for many tenants, with one client for each store.

Each request carries its tenant's credentials, which go into a copy of the client: connections and slots are shared,
credentials are not. Errors of the stores become responses that say whether the work was done. Needs fastapi.

    uvicorn service:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse

from lading import ApiError, BasicAuth, Conflict, Copr, InputError, LadingError, PyPI, TokenError
from lading.copr import Build

Credentials = Annotated[str, Header(alias="X-Credentials")]


def create_app(pypi: PyPI | None = None, copr: Copr | None = None) -> FastAPI:
    """Return the application, over clients of the public stores unless it is given others; it closes them."""
    pypi, copr = pypi or PyPI(), copr or Copr()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with pypi, copr:
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_exception_handler(LadingError, _refuse)

    def tenant_of(credentials: str) -> tuple[PyPI, Copr]:
        login, _, token = credentials.partition(":")
        auth = BasicAuth(login, token)
        return pypi.with_options(auth=auth), copr.with_options(auth=auth)

    @app.put("/files/{filename}")
    async def publish(filename: str, request: Request, credentials: Credentials) -> dict[str, str]:
        uploaded = await tenant_of(credentials)[0].releases.upload(request.stream(), filename=filename)
        return {"filename": filename, "status": uploaded.status, "sha256": uploaded.sha256}

    @app.get("/projects/{project}/files")
    async def files(project: str, credentials: Credentials) -> list[str]:
        return [file.filename async for file in tenant_of(credentials)[0].files.list(project)]

    @app.post("/builds/{owner}/{project}")
    async def submit(owner: str, project: str, url: str, credentials: Credentials) -> dict[str, Any]:
        return _shown(await tenant_of(credentials)[1].builds.create_from_url(owner, project, url))

    @app.get("/builds/{build}")
    async def build(build: int, credentials: Credentials) -> dict[str, Any]:
        return _shown(await tenant_of(credentials)[1].builds.get(build))

    return app


def _shown(build: Build) -> dict[str, Any]:
    return {"id": build.id, "state": build.state}


async def _refuse(_: Request, error: Exception) -> JSONResponse:
    """Respond with the store's own refusal, or with 502 where the store or the network failed."""
    assert isinstance(error, LadingError)
    status, headers = 502, {}
    if isinstance(error, InputError):
        status = 422
    elif isinstance(error, TokenError):
        status = 403
    elif isinstance(error, Conflict):
        status = 409
    elif isinstance(error, ApiError) and error.status is not None and error.status < 500:
        status = error.status
    if isinstance(error, ApiError) and error.retry_after is not None:
        headers = {"Retry-After": str(round(error.retry_after))}
    return JSONResponse({"error": str(error), "outcome": error.outcome}, status, headers)


app = create_app()
