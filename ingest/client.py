"""The one client that fetches anything for us: sources, links, addresses that somebody typed, sitemaps.

http and https only; every address is checked after its name was resolved, at every hop, and the connection goes to the
very address that was checked; bodies, time and hops are limited. It is polite (one request a second to a host, waits
where it is told to) and remembers pages on disk, so that it asks only for what changed and goes on where it was killed.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base

LARGEST = 10_000_000
"""Bytes of a body."""
LONGEST = 60.0
"""Seconds for one page, redirects included."""
_HOPS = 5
_TRIES = 3
_PATIENCE = 60.0
"""Seconds that we wait at most where a server asks for patience."""
_FRESH = 3600.0
"""Seconds for which a page that was fetched is not asked for again: a run that was killed goes on from there."""
_CHUNK = 65_536
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_BUSY = frozenset({429, 500, 502, 503, 504})


class Unreachable(Exception):
    """A page cannot be had; the text says why, for an operator."""


class Forbidden(Unreachable):
    """The address is none that we fetch."""


class _Busy(Exception):
    def __init__(self, reason: str, wait: float) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered with 200."""

    url: str
    """Where it was found in the end."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    changed: bool = True
    """False if the server says that it is the same as the last time."""

    @property
    def text(self) -> str:
        """The body as text, in the encoding that is said or UTF-8; without a byte-order mark."""
        _, _, said = self.headers.get("content-type", "").partition("charset=")
        with suppress(LookupError):
            return self.body.decode(said.strip("\"' ;") or "utf-8-sig", "replace").removeprefix("\ufeff")
        return self.body.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises `Unreachable` if it is something else, such as a page that says sorry."""
        try:
            return json.loads(self.text)
        except ValueError:
            kind = self.headers.get("content-type", "no type").partition(";")[0]
            raise Unreachable(f"{self.url}: JSON was expected, {kind} came") from None


class Client:
    """Fetches pages. `private`: hosts that an operator has typed, which may lie in private networks."""

    def __init__(
        self,
        memory: Path | None = None,
        *,
        private: Iterable[str] = (),
        agent: str = "Dalil",
        pause: float = 1.0,
        largest: int = LARGEST,
    ) -> None:
        """`memory`: a folder for pages; `pause`: seconds between two requests to a host."""
        self._memory = memory
        self._pause = pause
        self._largest = largest
        self._asked: dict[str, float] = {}
        self._http = httpx.Client(
            transport=_transport(frozenset(private)),
            headers={"User-Agent": agent, "Accept-Encoding": "gzip, deflate"},
            timeout=httpx.Timeout(20, connect=10),
            follow_redirects=True,
            max_redirects=_HOPS,
            trust_env=False,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, url: str, params: Mapping[str, str | int] | None = None) -> Page:
        """A page, as fresh as need be. Raises `Unreachable`."""
        address = str(httpx.URL(url, params={**httpx.URL(url).params, **params}) if params else url)
        if urlsplit(address).scheme not in {"http", "https"} or not urlsplit(address).hostname:
            raise Forbidden(f"{address}: only http and https addresses are fetched")
        kept, age = self._recall(address)
        if kept is not None and age < _FRESH:
            return kept
        retrying = Retrying(
            retry=retry_if_exception_type(_Busy), wait=_AsTold(), stop=stop_after_attempt(_TRIES), reraise=True
        )
        try:
            return retrying(self._fetch, address, kept)
        except _Busy as error:
            raise Unreachable(f"{address}: {error}") from None

    def _fetch(self, address: str, kept: Page | None) -> Page:
        self._wait(urlsplit(address).hostname or "")
        deadline = time.monotonic() + LONGEST
        try:
            with self._http.stream("GET", address, headers=_conditions(kept)) as answer:
                if answer.status_code == 304 and kept is not None:
                    self._keep(address, kept)
                    return Page(kept.url, kept.body, kept.headers, changed=False)
                if answer.status_code in _BUSY:
                    raise _Busy(f"the server answers {answer.status_code}", _patience(answer))
                if answer.status_code != 200:
                    raise Unreachable(f"{address}: the server answers {answer.status_code}")
                body = self._read(answer, address, deadline)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                page = Page(str(answer.url), body, headers)
        except httpx.TooManyRedirects:
            raise Unreachable(f"{address}: redirected more than {_HOPS} times") from None
        except httpx.UnsupportedProtocol:
            raise Forbidden(f"{address}: redirected to what is neither http nor https") from None
        except httpx.TransportError as error:
            raise _Busy(f"no connection ({type(error).__name__})", 1.0) from None
        self._keep(address, page)
        return page

    def _read(self, answer: httpx.Response, address: str, deadline: float) -> bytes:
        parts, size = [], 0
        for chunk in answer.iter_bytes(_CHUNK):
            size += len(chunk)
            if size > self._largest:
                raise Unreachable(f"{address}: larger than {self._largest // 1_000_000} MB")
            if time.monotonic() > deadline:
                raise Unreachable(f"{address}: takes longer than {LONGEST:.0f} seconds")
            parts.append(chunk)
        return b"".join(parts)

    def _wait(self, host: str) -> None:
        pause = self._asked.get(host, -self._pause) + self._pause - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        self._asked[host] = time.monotonic()

    def _place(self, address: str) -> Path | None:
        return self._memory / hashlib.sha256(address.encode()).hexdigest() if self._memory else None

    def _recall(self, address: str) -> tuple[Page | None, float]:
        """What was fetched before, and its age in seconds."""
        place = self._place(address)
        if place is None or not place.exists():
            return None, 0.0
        head, _, body = place.read_bytes().partition(b"\n")
        try:
            said = json.loads(head)
            return Page(said["url"], body, said["headers"]), time.time() - place.stat().st_mtime
        except (ValueError, KeyError):
            return None, 0.0

    def _keep(self, address: str, page: Page) -> None:
        place = self._place(address)
        if place is None:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_suffix(".new")
        new.write_bytes(json.dumps({"url": page.url, "headers": dict(page.headers)}).encode() + b"\n" + page.body)
        new.replace(place)


def _conditions(kept: Page | None) -> dict[str, str]:
    if kept is None:
        return {}
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {asked: kept.headers[said] for said, asked in names.items() if said in kept.headers}


def _patience(answer: httpx.Response) -> float:
    told = answer.headers.get("retry-after", "")
    return min(float(told), _PATIENCE) if told.isdecimal() else 2.0


class _AsTold(wait_base):
    """Wait as long as the server asks for, doubled with every try."""

    def __call__(self, retry_state: Any) -> float:
        error = retry_state.outcome.exception()
        return float(error.wait) * 2 ** (retry_state.attempt_number - 1) if isinstance(error, _Busy) else 0.0


def _transport(private: frozenset[str]) -> httpx.HTTPTransport:
    transport = httpx.HTTPTransport(trust_env=False)
    transport._pool.close()
    # httpx has no public way to say who connects; its pool takes one.
    transport._pool = httpcore.ConnectionPool(
        ssl_context=ssl.create_default_context(), network_backend=_Guard(private), max_connections=8
    )
    return transport


class _Guard(httpcore.SyncBackend):
    """Connects to the address that was checked, not to what the name may stand for a moment later."""

    def __init__(self, private: frozenset[str]) -> None:
        self._private = private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = checked(host, port, allow_private=host in self._private)
        return super().connect_tcp(address, port, timeout, local_address, socket_options)


def checked(host: str, port: int, *, allow_private: bool = False) -> str:
    """An address of `host` that may be fetched from. Raises `Forbidden`, `Unreachable`."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise Unreachable(f"{host}: there is no such host") from None
    if not allow_private and not all(public(address) for address in found):
        raise Forbidden(f"{host}: lies in a private network")
    return sorted(found, key=lambda address: ":" in address)[0]


def public(address: str) -> bool:
    """Whether an IP address belongs to a host of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    if ip in _NAT64:
        inner = ipaddress.ip_address(int(ip) & 0xFFFFFFFF)
    return inner.is_global and ip.is_global and not inner.is_multicast
