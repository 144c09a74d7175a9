"""The web app: health, the files that pages load, the headers that keep pages safe, plain errors."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from hmac import compare_digest
from typing import TYPE_CHECKING, cast

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from bot import confirm, join, metrics, public
from bot.pages import assets, render
from bot.webchat import Parts, language_of, routes
from bot.webhooks import Webhooks
from locales import translations

if TYPE_CHECKING:
    from pydantic import SecretStr
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Parts", "Server", "create_app"]

_log = logging.getLogger(__name__)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Phones are shared: nothing that was said stays in a cache. Files with a digest in their path override it.
    "Cache-Control": "no-store",
}
_PROXIED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "forwarded", "via")
"""Headers that proxies add."""
LAST = 5
"""Seconds that a server which stops leaves to requests that are under way: some are never sent to their end."""
_HTTPS_HEADERS = _HEADERS | {"Strict-Transport-Security": "max-age=31536000"}


def create_app(parts: Parts) -> FastAPI:
    """Build the app on what `parts` holds."""
    # Nobody traces it, and looking at every request whether somebody does takes as long as some answers.
    app = FastAPI(
        title="Dalil",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.include_router(routes(parts))
    app.include_router(join.routes(parts))
    app.include_router(public.routes(parts))
    app.include_router(confirm.routes(parts))
    _add_health(app, parts)
    _add_metrics(app, parts)
    _add_files(app)
    app.add_exception_handler(StarletteHTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_middleware(GZipMiddleware)  # leaves event streams alone
    app.add_middleware(Shield, https=parts.settings.public.startswith("https:"))
    if parts.settings.proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(parts.settings.proxies))
    return app


class Server(uvicorn.Server):
    """A uvicorn server that answers what providers call before the app, and ends the event streams when it stops."""

    def __init__(self, config: uvicorn.Config, parts: Parts, started: Callable[[], None] = lambda: None) -> None:
        """Serve `config`, an app made for `parts`; `started` is called once the page can be opened."""
        config.app = Webhooks(cast("ASGIApp", config.app), parts)
        config.proxy_headers = False  # uvicorn believes any proxy on this machine; we only those that are set
        config.timeout_graceful_shutdown = LAST
        super().__init__(config)
        self._parts = parts
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then let the heavy parts load: they would hold the page up."""
        await super().startup(sockets)
        self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the streams, then stop as usual."""
        self._parts.stopping.set()
        self._parts.said.set()
        await super().shutdown(sockets)


class Shield:
    """Adds the security headers to every response, and answers for whatever broke without showing it."""

    def __init__(self, app: ASGIApp, https: bool) -> None:
        """`https`: whether visitors come over TLS."""
        self._app = app
        headers = _HTTPS_HEADERS if https else _HEADERS
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name for name, _ in message["headers"]}
                ours = [(name, value) for name, value in self._headers if name not in present]
                message = {**message, "headers": [*message["headers"], *ours]}
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("%s %s broke", scope["method"], scope["path"])
            if started:
                # Too late for an answer: the server closes the connection, and must not log what the error says.
                raise ConnectionAbortedError("broke half-way") from None
            await _error(Request(scope), 500)(scope, receive, guarded)


def _add_health(app: FastAPI, parts: Parts) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"])
    async def alive() -> Response:
        return JSONResponse({"status": "ok"})

    @app.api_route("/readyz", methods=["GET", "HEAD"])
    async def ready() -> Response:
        if not await run_in_threadpool(parts.database.ready):
            return JSONResponse({"status": "not ready", "reason": "the database does not answer"}, 503)
        if not parts.ready():
            return JSONResponse({"status": "not ready", "reason": "the index is not loaded yet"}, 503)
        return JSONResponse({"status": "ready"})


def _add_metrics(app: FastAPI, parts: Parts) -> None:
    @app.get("/metrics")
    async def show(request: Request) -> Response:
        if not (_is_near(request) or _has_token(request, parts.settings.metrics_token)):
            raise HTTPException(404)
        return Response(await run_in_threadpool(metrics.page, parts.database), media_type=metrics.CONTENT_TYPE)


def _is_near(request: Request) -> bool:
    """Whether a request was made on this machine, and no proxy has handed it on."""
    host = request.client.host if request.client else ""
    return host in {"127.0.0.1", "::1"} and not any(name in request.headers for name in _PROXIED)


def _has_token(request: Request, token: SecretStr | None) -> bool:
    expected = f"Bearer {token.get_secret_value()}".encode() if token else b""
    return token is not None and compare_digest(request.headers.get("authorization", "").encode(), expected)


def _add_files(app: FastAPI) -> None:
    files = {asset.path: asset for asset in assets().values()}

    @app.api_route("/static/{digest}/{name}", methods=["GET", "HEAD"])
    async def file(request: Request) -> Response:
        asset = files.get(request.url.path)
        if asset is None:
            raise HTTPException(404)
        return Response(
            asset.body, media_type=asset.media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"}
        )

    @app.get("/favicon.ico")
    async def icon() -> Response:
        return Response(assets()["icon.svg"].body, media_type=assets()["icon.svg"].media_type)


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer a request that cannot be served; what our own code says of it is meant for the visitor."""
    if isinstance(error, HTTPException):
        own_words = error.detail if request.url.path.startswith("/channels/") else None
        return _error(request, error.status_code, own_words, error.headers)
    return _error(request, error.status_code if isinstance(error, StarletteHTTPException) else 400)


def _error(request: Request, status: int, words: str | None = None, headers: object = None) -> Response:
    language = language_of(request)
    _ = translations(language.code).gettext
    if status >= 500:
        words = _("Something went wrong here. Please try again in a moment.")
    elif status == 404:
        words = _("There is nothing at this address.")
    elif not words:
        words = _("This request could not be read.")
    more = dict(headers) if isinstance(headers, dict) else {}
    if request.url.path.startswith("/channels/"):
        return JSONResponse({"error": words}, status, more)
    return HTMLResponse(render("error.html", language, message=words), status, more)
