"""WhatsApp as a channel, through Twilio: what its webhook posts, and the few calls of its API that we make."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import time
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from channels.contract import (
    Button,
    Channel,
    Forged,
    Inbound,
    Kind,
    Malformed,
    Outgoing,
    OutsideWindow,
    Permanent,
    Receipt,
    Request,
    RetryAfter,
    SendError,
    Status,
    Stopped,
    Unknown,
)
from channels.text import shorten

LONGEST_BODY = 256 * 1024
"""Bytes of one form."""
LONGEST_RICH_TEXT = 1024
"""Characters of a text that has buttons; a longer one goes without them."""
LONGEST_PAYLOAD = 200
MOST_REPLIES, LONGEST_REPLY = 3, 20
MOST_ITEMS, LONGEST_ITEM, LONGEST_DESCRIPTION = 10, 24, 72
LIST_LABEL = "☰"
"""What opens a list. We are not told the language of a message, so it is a sign."""
INVITATION = "dalil_invite_"
"""Templates that ask people to write again are called this and their language."""

_SKEW = timedelta(minutes=2)
_REMEMBERED = 1_000
_PAUSE = 300.0
"""Seconds without buttons if no content could be made: each try may cost a person as long as Twilio is silent."""
_ALL = {"limit": 2_000, "page_size": 100}
_ADDRESS = re.compile(r"whatsapp:\S{1,200}")
_SID = re.compile(r"[A-Z]{2}[0-9A-Za-z]{1,62}")

_STOPPED = {21610, 63014}
_OUTSIDE = {
    63015,  # the sandbox has forgotten the person: they must join again
    63016,
    63032,  # WhatsApp holds the message back, and forbids a quick retry …
    63049,  # … so it waits until the person writes again
}
_BACK_OFF = {20429, 21611, 63018, 63010, 63012}
_CONTENT_REFUSED = {63005, 63013, 63021, 63028}
"""By callback: WhatsApp would not have the content. The text alone it may have."""

_STATES: dict[str, Literal["sent", "delivered", "read", "failed"]] = {
    **dict.fromkeys(("accepted", "queued", "sending", "sent"), "sent"),  # all: Twilio has it
    "delivered": "delivered",
    "read": "read",
    **dict.fromkeys(("undelivered", "failed", "canceled"), "failed"),
}
_KINDS = {"image": Kind.IMAGE, "audio": Kind.AUDIO, "video": Kind.VIDEO}
_OTHERS = {"contacts", "order", "sticker"}
_SILENT = {"reaction", "system"}
"""Types that come with a text but are no message to us."""


class _Form(dict[str, list[str]]):
    """Of a request; repeated keys are kept. `getlist` is what the signature's check asks for."""

    def getlist(self, name: str) -> list[str]:
        return self[name]

    def first(self, *names: str) -> str:
        return next((self[name][0] for name in names if name in self), "")


class WhatsAppChannel(Channel):
    """A number, or a messaging service of several."""

    name = "whatsapp"
    text_limit = 1600
    window = timedelta(hours=24)
    patience = timedelta(minutes=2)

    def __init__(
        self,
        account_sid: str,
        auth_tokens: Sequence[str],
        sender: str,
        public_url: str,
        api_url: str | None = None,
        templates: Mapping[str, str] | None = None,
        *,
        connect_timeout: float = 5.0,
        timeout: float = 15.0,
    ) -> None:
        """`auth_tokens`: the first signs our calls; all are accepted in signatures, while they are rotated.

        `sender`: `whatsapp:+…` or the SID of a messaging service. `public_url`: under which Twilio calls the webhook.
        `api_url`: of a test server. `templates`: the Content SID of the invitation in each language. Seconds:
        `timeout` to write and to wait for an answer.
        """
        if not account_sid or not auth_tokens or not all(auth_tokens):
            raise ValueError("WhatsApp needs Twilio's account SID and an auth token")
        if not _ADDRESS.fullmatch(sender) and not re.fullmatch("MG[0-9a-f]{32}", sender):
            raise ValueError("the WhatsApp sender must be whatsapp:+number or the SID of a messaging service")
        self._account_sid, self._tokens = account_sid, tuple(auth_tokens)
        self._from = {"from_" if sender.startswith("whatsapp:") else "messaging_service_sid": sender}
        self._public_url = public_url.rstrip("/")
        self._api_url = (api_url or "").rstrip("/")
        self._templates = dict(templates or {})
        self._timeout = httpx.Timeout(timeout, connect=connect_timeout)
        self._http: _Http | None = None
        self._client: Any = None
        self._contents: dict[str, str] = {}  # name -> SID; empty if Twilio refused it
        self._no_contents_before = 0.0
        self._creating = asyncio.Lock()
        self._rich: dict[str | None, None] = {}

    # --- in -----------------------------------------------------------------------------------

    def parse(self, request: Request) -> list[Inbound | Status]:
        """Read a message or a status callback."""
        form = _form(request.body)
        self._verify(request, form)
        if not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
            raise Malformed("not a form")
        query = _Form(parse_qs(urlsplit(request.url).query, keep_blank_values=True))
        if "status" in query or "MessageStatus" in form:
            return _status(form, query)
        return self._message(form)

    def _verify(self, request: Request, form: _Form) -> None:
        from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

        parts = urlsplit(request.url)
        path = parts.path.removeprefix(urlsplit(self._public_url).path)
        url = f"{self._public_url}{path}" + (f"?{parts.query}" if parts.query else "")
        signature = request.headers.get("x-twilio-signature", "")
        # All of them are tried, whichever fits, so that the time tells nothing.
        if not any([RequestValidator(token).validate(url, form, signature) for token in self._tokens]):  # noqa: C419
            raise Forged("the signature is missing or wrong")

    def _message(self, form: _Form) -> list[Inbound | Status]:
        if not form.keys() & {"Body", "NumMedia", "MessageType"}:
            return []
        address, sid = form.first("From"), form.first("MessageSid", "SmsMessageSid", "SmsSid")
        if not address or not _SID.fullmatch(sid):
            raise Malformed("a message without sender or number")
        kind = _kind(form)
        if kind is None or not _ADDRESS.fullmatch(address):
            return []
        choice = _choice(form) if kind is Kind.CHOICE else None
        text = form.first("ButtonText", "ListTitle", "Body") if choice else form.first("Body")
        return [Inbound(self.name, address, sid, kind, text, choice)]

    # --- out ----------------------------------------------------------------------------------

    async def send(self, address: str, message: Outgoing) -> Receipt:
        """Send a text, with buttons if they are within the limits and Twilio takes them; else the text alone.

        A message that comes a second time goes without buttons: they may be what was wrong with it.
        """
        _check(address)
        text = _cut(message.text, self.text_limit)
        content = None if message.reference in self._rich else _content(text, message.buttons)
        sid = await self._content_sid(content) if content else ""
        if content and sid:
            variables = json.dumps(content.variables, ensure_ascii=False)
            self._remember(message.reference)
            try:
                told = {"content_sid": sid, "content_variables": variables}
                return await self._create(address, message.reference, rich=True, **told)
            except Permanent:
                pass
            except RetryAfter:
                self._rich.pop(message.reference, None)
                raise
        receipt = await self._create(address, message.reference, body=text)
        if content and sid:  # the text was taken, so it was the content that was not
            self._contents[content.name] = ""
        return receipt

    async def invite(self, address: str, language: str) -> Receipt:
        """Send the template of the language, or the English one."""
        codes = (language, re.split("[-_]", language)[0], "en")
        sid = next((self._templates[code] for code in codes if self._templates.get(code)), None)
        if sid is None:
            raise OutsideWindow("there is no template to invite with")
        _check(address)
        return await self._create(address, None, content_sid=sid)

    async def find(self, address: str, message: Outgoing, since: datetime) -> Receipt | None:
        """Look for the text among the last messages to the address; one that has failed does not count."""
        text, since = _squeezed(_cut(message.text, self.text_limit)), since.astimezone(UTC) - _SKEW
        try:
            latest = await self._call(lambda client: client.messages.list_async(to=address, limit=100))
        except Unknown:  # asking changes nothing
            raise RetryAfter("Twilio did not say what it has sent", 30.0) from None
        for sent in latest:
            if _STATES.get(sent.status) == "failed" or not str(sent.direction).startswith("outbound"):
                continue
            created = sent.date_created
            if _squeezed(sent.body or "") == text and not (isinstance(created, datetime) and created < since):
                return Receipt(sent.sid)
        return None

    async def typing(self, address: str, external_id: str) -> None:
        """Show “typing …” for up to 25 seconds, and the message as read."""
        told = {"channel": "whatsapp", "message_id": external_id}
        with contextlib.suppress(Exception):
            await self._call(lambda client: client.messaging.v2.typing_indicator.create_async(**told))

    async def close(self) -> None:
        """Let go of the connections."""
        http, self._http, self._client = self._http, None, None
        self._creating = asyncio.Lock()  # the next may be of another loop
        if http:
            await http.close()

    async def _create(self, address: str, reference: str | None, *, rich: bool = False, **told: str) -> Receipt:
        named = f"&reference={quote(reference, safe='')}" if reference else ""
        callback = f"{self._public_url}/channels/{self.name}?status{named}{'&buttons' if rich else ''}"
        told |= self._from | {"to": address, "status_callback": callback}
        sent = await self._call(lambda client: client.messages.create_async(**told))
        return Receipt(sent.sid)

    def _remember(self, reference: str | None) -> None:
        if reference:
            self._rich[reference] = None
            if len(self._rich) > _REMEMBERED:
                del self._rich[next(iter(self._rich))]

    async def _content_sid(self, content: _Content) -> str:
        """The SID of a content, which is made if Twilio does not have it yet; empty if it cannot be had now."""
        known = self._contents
        if content.name in known:
            return known[content.name]
        async with self._creating:
            if time.monotonic() < self._no_contents_before:
                return ""
            try:
                if not known:  # what was made before a restart
                    listed = await self._call(lambda client: client.content.v1.contents.list_async(**_ALL))
                    known.update((entry.friendly_name, entry.sid) for entry in listed)
                if content.name not in known:
                    known[content.name] = await self.create_content(content.name, "en", content.types)
            except Permanent:
                known[content.name] = ""
            except SendError:
                self._no_contents_before = time.monotonic() + _PAUSE
            return known.get(content.name, "")

    async def create_content(self, name: str, language: str, types: Mapping[str, Any]) -> str:
        """Make a content and give its SID. Raises a `SendError`."""
        from twilio.rest.content.v1.content import ContentList  # type: ignore[import-untyped]

        numbers = sorted({int(number) for number in re.findall(r"\{\{(\d+)\}\}", json.dumps(types))})
        told = {"friendly_name": name, "language": language, "types": types}
        if numbers:
            told["variables"] = {str(number): "…" for number in numbers}
        request = ContentList.ContentCreateRequest(told)
        return str((await self._call(lambda client: client.content.v1.contents.create_async(request))).sid)

    async def _call(self, action: Callable[[Any], Awaitable[Any]]) -> Any:
        """Call Twilio through its client. Whatever its library trips over is a `SendError` too."""
        try:
            return await action(self._connected())
        except SendError:
            raise
        except Exception as error:
            failure = Unknown(f"Twilio's answer could not be read ({type(error).__name__})")
        raise failure  # not where it was caught: what the library raises holds addresses

    def _connected(self) -> Any:
        if self._client is None:
            from twilio.rest import Client  # type: ignore[import-untyped]

            self._http = _Http(self._api_url, self._timeout)
            self._client = Client(self._account_sid, self._tokens[0], http_client=self._http)
        return self._client


@dataclass(frozen=True, slots=True)
class Template:
    """An invitation as Twilio has it."""

    language: str
    sid: str
    body: str
    approval: str
    """`unsubmitted`, `received`, `pending`, `approved`, `rejected` …; only what is approved can be sent."""


class Templates:
    """The invitations: what `dalil templates` shows and makes. Everything raises a `SendError`."""

    def __init__(self, channel: WhatsAppChannel) -> None:
        self._channel = channel

    async def all(self) -> list[Template]:
        """Those that exist, by language."""
        listed = self._channel._call(lambda client: client.content.v1.content_and_approvals.list_async(**_ALL))
        ours = [entry for entry in await listed if str(entry.friendly_name).startswith(INVITATION)]
        return sorted((_template(entry) for entry in ours), key=lambda template: template.language)

    async def create(self, language: str, body: str) -> Template:
        """Make the invitation of a language. WhatsApp does not know it before `submit`."""
        name = INVITATION + language.replace("-", "_").lower()
        types = {"twilio/text": {"body": body}}
        sid = await self._channel.create_content(name, language.replace("-", "_"), types)
        return Template(language, sid, body, "unsubmitted")

    async def submit(self, template: Template) -> str:
        """Ask WhatsApp to approve a template; gives the state of that."""
        from twilio.rest.content.v1.content.approval_create import ApprovalCreateList  # type: ignore[import-untyped]

        name = INVITATION + template.language.replace("-", "_").lower()
        request = ApprovalCreateList.ContentApprovalRequest({"name": name, "category": "UTILITY"})
        asked = await self._channel._call(
            lambda client: client.content.v1.contents(template.sid).approval_create.create_async(request)
        )
        return str(asked.status)


def _template(entry: Any) -> Template:
    types = entry.types if isinstance(entry.types, dict) else {}
    body = next((str(value.get("body", "")) for value in types.values() if isinstance(value, dict)), "")
    approval = entry.approval_requests if isinstance(entry.approval_requests, dict) else {}
    language = str(entry.language).replace("_", "-")
    return Template(language, str(entry.sid), body, str(approval.get("status") or "unsubmitted"))


class _Http:
    """The HTTP client of Twilio's library; it asks for no more than this.

    It never tries again, and uses httpx below the place where addresses and answers are logged.
    """

    is_async = True

    def __init__(self, api_url: str, timeout: httpx.Timeout) -> None:
        self._api_url, self._timeout = api_url, timeout
        parts = urlsplit(api_url or "https://api.twilio.com")
        proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
        self._transport = httpx.AsyncHTTPTransport(proxy=proxy)

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
            raise _refusal(answer)
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


def _refusal(answer: httpx.Response) -> SendError:
    """What an answer other than yes means. Twilio's words are not passed on: they quote numbers and texts."""
    told: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        told = answer.json()
    code = told.get("code") if isinstance(told, dict) else None
    status = answer.status_code
    if status == 429 or code in _BACK_OFF:
        return RetryAfter("too many messages", _seconds(answer.headers.get("retry-after", "")))
    if status == 401:
        return RetryAfter("Twilio does not accept the account or its auth token", 60.0)
    if not 400 <= status < 500 or status == 408:
        return Unknown(f"Twilio answered {status}")
    if not isinstance(code, int):
        return RetryAfter(f"something before Twilio answered {status}", 30.0)
    return _meaning(code)


def _seconds(header: str) -> float:
    return min(float(header), 3600.0) if re.fullmatch(r"\d{1,9}(\.\d+)?", header) else 5.0


def _meaning(code: int, *, rich: bool = False) -> SendError:
    """What one of Twilio's codes means; `rich`: for a message that had buttons."""
    if code in _STOPPED:
        return Stopped(f"the person has blocked us or written STOP ({code})")
    if code in _OUTSIDE:
        return OutsideWindow(f"WhatsApp takes it when the person has written again ({code})")
    if code in _BACK_OFF:
        return RetryAfter(f"too many messages, or a fault of WhatsApp's ({code})", 60.0)
    if rich and code in _CONTENT_REFUSED:
        return RetryAfter(f"WhatsApp refused the buttons ({code})", 0.0)
    return Permanent(f"Twilio refused it ({code})")


def _form(body: bytes) -> _Form:
    if len(body) > LONGEST_BODY:
        raise Malformed("too long")
    try:
        return _Form(parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=500))
    except ValueError:
        raise Malformed("too many fields") from None


def _status(form: _Form, query: _Form) -> list[Inbound | Status]:
    sid = form.first("MessageSid", "SmsSid")
    if not _SID.fullmatch(sid):
        raise Malformed("a status of nothing")
    state = _STATES.get(form.first("MessageStatus", "SmsStatus").lower())
    if state is None:
        return []
    error: SendError | None = None
    if state == "failed":
        code = form.first("ErrorCode")
        known = re.fullmatch("[0-9]{1,9}", code)
        error = _meaning(int(code), rich="buttons" in query) if known else Permanent("Twilio does not say why")
    return [Status(sid, state, error, query.first("reference") or None)]


def _kind(form: _Form) -> Kind | None:
    """What a message is; none if it is of a kind that nobody told us of."""
    told = form.first("MessageType").lower()
    if told in _SILENT:
        return None
    if _choice(form):
        return Kind.CHOICE
    if not re.fullmatch("[0-9]{0,3}", form.first("NumMedia")):
        raise Malformed("NumMedia is no number")
    if told in _OTHERS:
        return Kind.OTHER
    if int(form.first("NumMedia") or 0):
        return _KINDS.get(form.first("MediaContentType0").partition("/")[0].lower(), Kind.FILE)
    if form.first("Latitude") and form.first("Longitude"):
        return Kind.LOCATION
    return Kind.TEXT if form.first("Body") else None


def _choice(form: _Form) -> str:
    choice = form.first("ButtonPayload") or form.first("ListId")
    fits = len(choice) <= LONGEST_PAYLOAD and not any(unicodedata.category(c) in {"Cc", "Cs"} for c in choice)
    return choice if fits else ""


def _check(address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise Permanent("the address is not one of WhatsApp's")


def _cut(text: str, limit: int) -> str:
    """Cut a text to `limit` UTF-16 units, as Twilio counts."""
    text = text.encode("utf-8", "ignore").decode("utf-8")
    return shorten(text, len(text[:limit].encode("utf-16-le")[: 2 * limit].decode("utf-16-le", "ignore")))


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class _Content:
    """A text with buttons: what all of its shape have in common, and the lines of this one."""

    types: dict[str, Any]
    variables: dict[str, str]

    @property
    def name(self) -> str:
        shape = json.dumps(self.types, sort_keys=True).encode()
        return f"dalil_{hashlib.sha256(shape).hexdigest()[:24]}"


def _content(text: str, buttons: Sequence[Button]) -> _Content | None:
    """The content for a text with buttons; none if something of it is beyond what WhatsApp or Twilio take."""
    choices = _replies(buttons) or _list(buttons)
    lines = [line.strip() for line in text.split("\n")]
    wrong = re.search(r"[^\S\n ]| {5}|\{\{", text)  # in a variable Twilio takes no tabs, line ends or wide gaps
    if not choices or wrong or not any(lines) or len(text) > LONGEST_RICH_TEXT or len(lines) > 90:
        return None
    filled = {line: str(place) for place, line in enumerate(range(len(lines)), 1) if lines[line]}
    body = "\n".join(f"{{{{{filled[line]}}}}}" if line in filled else "" for line in range(len(lines)))
    (kind, rest), *_ = choices.items()
    return _Content({kind: {"body": body, **rest}}, {number: lines[line] for line, number in filled.items()})


def _replies(buttons: Sequence[Button]) -> dict[str, Any]:
    titles, payloads = [button.title.strip() for button in buttons], [button.payload for button in buttons]
    if len(buttons) > MOST_REPLIES or not _fit(titles, LONGEST_REPLY) or not _fit(payloads, LONGEST_PAYLOAD):
        return {}
    pairs = zip(titles, payloads, strict=True)
    actions = [{"type": "QUICK_REPLY", "title": title, "id": payload} for title, payload in pairs]
    return {"twilio/quick-reply": {"actions": actions}}


def _list(buttons: Sequence[Button]) -> dict[str, Any]:
    """A list that opens; a title that is too long for it stands in full below its beginning."""
    titles, payloads = [button.title.strip() for button in buttons], [button.payload for button in buttons]
    short = [shorten(title, LONGEST_ITEM) for title in titles]
    if len(buttons) > MOST_ITEMS or not _fit(titles, LONGEST_DESCRIPTION) or not _fit(payloads, LONGEST_PAYLOAD):
        return {}
    if not _fit(short, LONGEST_ITEM):
        return {}
    rows = zip(short, payloads, titles, strict=True)
    items = [
        {"item": item, "id": payload} | ({"description": title} if title != item else {})
        for item, payload, title in rows
    ]
    return {"twilio/list-picker": {"button": LIST_LABEL, "items": items}}


def _fit(words: Sequence[str], longest: int) -> bool:
    """Whether there are words, all different, plain and short enough."""
    plain = all(0 < len(word) <= longest and word.isprintable() and "{{" not in word for word in words)
    return bool(words) and plain and len(set(words)) == len(words)
