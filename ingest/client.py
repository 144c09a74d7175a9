"""The one client that fetches anything for us: sources, links, addresses that somebody typed, sitemaps.

http and https only; every address is checked after its name was resolved, at every hop, and the connection goes to the
very address that was checked; bodies, time and hops are limited. It is polite (one request a second to a host, waits
where it is told to) and remembers pages on disk, so that it asks only for what changed and goes on where it was killed.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

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
"""Seconds for which a page that was fetched is not asked for again: a trial and the look after it are one."""
_CHUNK = 65_536
_SAID = 4_000
"""Bytes that are read of what a server says with a refusal."""
_SCHEMES = frozenset({"http", "https"})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_OPEN6 = ipaddress.ip_network("2000::/3")
"""What of IPv6 is given out to hosts of the open internet; Python holds more for global."""
_PASSWORD = re.compile(r"(?<=://)[^/?#@\s]+@")
_SECRET = re.compile(r"([?&;][^=&\s]*(?:token|secret|passw|api_?key|signature)[^=&\s]*=)[^&#\s]*", re.I)
_NO_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_BUSY = frozenset({429, 500, 502, 503, 504})


class Unreachable(Exception):
    """A page cannot be had; the text says why, for an operator."""


class Forbidden(Unreachable):
    """The address is none that we fetch."""


class NoHost(Unreachable):
    """Those who know all names know none like this."""


class TooLarge(Unreachable):
    """The page is there, but larger than we read."""


class Refused(Unreachable):
    """A server answers, but not with a page; `said` is the beginning of what it says."""

    def __init__(self, reason: str, status: int, said: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.said = said


class _Busy(Exception):
    def __init__(self, reason: str, wait: float) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered with 200."""

    url: str
    """Where it was found in the end, without secrets."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    changed: bool = True
    """False if the server says that it is the same as the last time."""

    @property
    def text(self) -> str:
        """The body as text, in the encoding that is said or UTF-8; without a byte-order mark."""
        _, _, said = self.headers.get("content-type", "").partition("charset=")
        with suppress(LookupError, ValueError):  # some encodings of Python's are none for pages and refuse "replace"
            return self.body.decode(said.strip("\"' ;") or "utf-8-sig", "replace").removeprefix("\ufeff")
        return self.body.decode("utf-8-sig", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises `Unreachable` if it is something else, such as a page that says sorry."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            kind = self.headers.get("content-type", "").partition(";")[0]
            reason = f"JSON was expected, {kind} came" if kind else "cannot be read as JSON"
            raise Unreachable(f"{self.url}: {reason}") from None


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
        longest: float = LONGEST,
    ) -> None:
        """`memory`: a folder for pages; `pause`: seconds between two requests to a host, at least."""
        self._memory = memory
        self._pause = pause
        self._largest = largest
        self._longest = longest
        self._guard = _Guard(frozenset(private))
        self._asked: dict[str, float] = {}
        self._since = 0.0
        self.remembered = 0
        """Pages that were given without asking for them."""
        self.before_page: Callable[[], None] = lambda: None
        """Done before each page: all that was found on those before can be kept then."""
        self._http = httpx.Client(
            transport=_transport(self._guard),
            headers={"User-Agent": agent, "Accept-Encoding": "gzip, deflate"},
            timeout=httpx.Timeout(20, connect=10),
            trust_env=False,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def go_on(self, since: datetime | None) -> None:
        """Give pages that were fetched since then as they were: a look that was cut goes on behind them."""
        self._since, self.remembered = since.timestamp() if since else 0.0, 0

    def read(self, location: str) -> Page:
        """What an operator has named: the page of an address, or a file. Raises `Unreachable`.

        Not for what data, forms or redirects say: files of this machine are nobody else's.
        """
        if "://" in location:
            return self.get(location)
        try:
            with Path(location).open("rb") as file:
                body = file.read(self._largest + 1)
        except OSError as error:
            raise Unreachable(f"{location}: {error.strerror}") from None
        if len(body) > self._largest:
            raise TooLarge(f"{location}: larger than {self._largest / 1_000_000:g} MB")
        return Page(location, body)

    def get(self, url: str, params: Mapping[str, str | int] | None = None) -> Page:
        """A page, as fresh as need be. Raises `Unreachable`."""
        self.before_page()
        address = _address(url, params)
        kept, age = self._recall(address)
        if kept is not None and (age < _FRESH or 0 < self._since <= time.time() - age):
            self.remembered += 1
            return kept
        retrying = Retrying(
            retry=retry_if_exception_type(_Busy), wait=_AsTold(), stop=stop_after_attempt(_TRIES), reraise=True
        )
        try:
            return retrying(self._fetch, address, kept)
        except _Busy as error:
            raise Unreachable(f"{shown(address)}: {error}") from None

    def _fetch(self, address: str, kept: Page | None) -> Page:
        self._guard.deadline = deadline = time.monotonic() + self._longest
        try:
            with self._answer(address, kept) as answer:
                page = self._page(answer, address, kept)
        except httpx.InvalidURL:
            raise Forbidden(f"{shown(address)}: redirected to what is no address") from None
        except httpx.DecodingError:
            raise Unreachable(f"{shown(address)}: is not packed as it says") from None
        except httpx.TransportError as error:
            if time.monotonic() >= deadline:
                raise Unreachable(f"{shown(address)}: takes longer than {self._longest:.0f} seconds") from None
            raise _Busy(f"no connection ({type(error).__name__})", self._pause) from None
        self._keep(address, page)
        return page

    @contextmanager
    def _answer(self, address: str, kept: Page | None) -> Iterator[httpx.Response]:
        """The answer at the end of all redirects. httpx would read the bodies on the way, however large they are."""
        request = self._http.build_request("GET", address, headers=_conditions(kept))
        for _ in range(_HOPS + 1):
            if request.url.scheme not in _SCHEMES:
                raise Forbidden(f"{shown(address)}: redirected to what is neither http nor https")
            self._wait(request.url.host)
            answer = self._http.send(request, stream=True)
            try:
                if answer.next_request is None:
                    yield answer
                    return
                request = answer.next_request
            finally:
                answer.close()
        raise Unreachable(f"{shown(address)}: redirected more than {_HOPS} times")

    def _page(self, answer: httpx.Response, address: str, kept: Page | None) -> Page:
        if answer.status_code == 304 and kept is not None:
            return Page(kept.url, kept.body, kept.headers, changed=False)
        if answer.status_code in _BUSY:
            raise _Busy(f"the server answers {answer.status_code}", _patience(answer, 2 * self._pause))
        if "," in answer.headers.get("content-encoding", ""):
            raise Unreachable(f"{shown(address)}: is packed more than once")  # a few kilobytes could become gigabytes
        if answer.status_code != 200:
            reason = f"{shown(address)}: the server answers {answer.status_code}"
            raise Refused(reason, answer.status_code, _said(answer))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Page(shown(str(answer.url)), self._read(answer, address), headers)

    def _read(self, answer: httpx.Response, address: str) -> bytes:
        parts, size = [], 0
        for chunk in answer.iter_bytes(_CHUNK):
            size += len(chunk)
            if size > self._largest:
                raise TooLarge(f"{shown(address)}: larger than {self._largest / 1_000_000:g} MB")
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
        except (ValueError, KeyError, TypeError):
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


def _address(url: str, params: Mapping[str, str | int] | None) -> str:
    try:
        parts = httpx.URL(url)
        address = parts.copy_merge_params(params) if params else parts
    except (httpx.InvalidURL, ValueError):
        raise Forbidden(f"{shown(url)[:200]}: is no address") from None
    if address.scheme not in _SCHEMES or not address.host:
        raise Forbidden(f"{shown(str(address))}: only http and https addresses are fetched")
    return str(address)


def shown(address: str) -> str:
    """An address as operators may see it: without passwords, tokens and keys."""
    return _SECRET.sub(r"\1…", _PASSWORD.sub("…@", address))


def _discreet(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(shown(str(part)) if isinstance(part, httpx.URL) else part for part in record.args)
    return True


logging.getLogger("httpx").addFilter(_discreet)  # it writes every address down


def _said(answer: httpx.Response) -> str:
    with suppress(httpx.HTTPError):
        return next(answer.iter_bytes(_SAID), b"").decode("utf-8", "replace")
    return ""


def _patience(answer: httpx.Response, otherwise: float) -> float:
    """Seconds to wait: servers tell a number, or a date."""
    told = answer.headers.get("retry-after", "").strip()
    if told.isdecimal():
        return float(told)
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    return otherwise


class _AsTold(wait_base):
    """Wait as long as the server asks for, doubled with every try, if that is not too long."""

    def __call__(self, retry_state: Any) -> float:
        error = retry_state.outcome.exception()
        if not isinstance(error, _Busy):
            return 0.0
        return min(error.wait * float(2 ** (retry_state.attempt_number - 1)), _PATIENCE)


def _transport(guard: _Guard) -> httpx.HTTPTransport:
    context = ssl.create_default_context()
    transport = httpx.HTTPTransport(verify=context, trust_env=False)
    transport._pool.close()
    # httpx has no public way to say who connects; its pool takes one.
    transport._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=guard, max_connections=8)
    return transport


class _Guard(httpcore.SyncBackend):
    """Connects to the address that was checked, not to what the name may stand for a moment later."""

    def __init__(self, private: frozenset[str]) -> None:
        self._private = private
        self.deadline = 0.0
        """When the page that is being fetched must be there, by the monotonic clock."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        address = checked(host, port, allow_private=host in self._private)
        return _Timed(super().connect_tcp(address, port, timeout, local_address, socket_options), self)


class _Timed(httpcore.NetworkStream):
    """A connection that is read until the guard's deadline: a server may send a byte now and then for ever."""

    def __init__(self, stream: httpcore.NetworkStream, guard: _Guard) -> None:
        self._stream = stream
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._guard.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout
        return self._stream.read(max_bytes, left if timeout is None else min(timeout, left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, timeout), self._guard)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def checked(host: str, port: int, *, allow_private: bool = False) -> str:
    """An address of `host` that may be fetched from. Raises `Forbidden`, `Unreachable`."""
    if not 0 < port < 65_536:
        raise Forbidden(f"{host}: there is no port {port}")
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        # Where nobody could be asked for the name (our own network is down), nothing is known of the host.
        unknown = isinstance(error, socket.gaierror) and error.errno in _NO_NAME
        raise (NoHost if unknown else Unreachable)(f"{host}: there is no such host") from None
    if not allow_private and not all(public(address) for address in found):
        raise Forbidden(f"{host}: lies in a private network")
    return sorted(found, key=lambda address: ":" in address)[0]


def public(address: str) -> bool:
    """Whether an IP address belongs to a host of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inside = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None
        inner = ip.ipv4_mapped or ip.sixtofour or inside
        if inner is None:
            return ip.is_global and ip in _OPEN6
        ip = inner
    return ip.is_global and not ip.is_multicast
