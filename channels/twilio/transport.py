"""HTTP for Twilio's library, which asks for no more than one method."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from channels.contract import RetryAfter, SendError, Unknown
from channels.proxy import proxy_to
from channels.twilio.codes import refusal


class Transport:
    """Never tries again, and uses httpx below the place where addresses and answers are logged."""

    is_async = True

    def __init__(self, api_url: str, timeout: httpx.Timeout) -> None:
        """`api_url`: of a test server; empty for Twilio's own."""
        self._api_url, self._timeout = api_url, timeout
        self._transport = httpx.AsyncHTTPTransport(proxy=proxy_to(api_url or "https://api.twilio.com"))

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_: object,
    ) -> httpx.Response:
        """Give an answer that is a success, or raise a `SendError`."""
        headers = dict(headers or {}) | ({"Authorization": _basic(*auth)} if auth else {})
        encode = json.dumps if headers.get("Content-Type") == "application/json" else _urlencoded
        body = encode(data).encode() if data else b""
        options = {"timeout": self._timeout.as_dict()}
        told = httpx.Request(method, self._address(uri, params), headers=headers, content=body, extensions=options)
        failure: SendError
        try:
            answer = await self._transport.handle_async_request(told)
            await answer.aread()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError):
            failure = RetryAfter("Twilio cannot be reached", 5.0)
        except httpx.HTTPError as error:
            failure = Unknown(f"Twilio did not answer ({type(error).__name__})")
        else:
            if answer.is_success:
                return answer
            raise refusal(answer)
        raise failure  # not where it was caught: httpx's errors hold the request

    def _address(self, uri: str, params: Mapping[str, Any] | None) -> str:
        if self._api_url:
            parts = urlsplit(uri)
            uri = f"{self._api_url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return uri + (f"?{_urlencoded(params)}" if params else "")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._transport.aclose()


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _urlencoded(data: Mapping[str, Any]) -> str:
    return urlencode(data, doseq=True)
