"""WhatsApp as a channel, through Twilio: what its webhook posts, and the few calls of its API that we make."""

from __future__ import annotations

import contextlib
import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from channels.contract import (
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
    Unknown,
)
from channels.text import units, without_surrogates
from channels.twilio.api import Api
from channels.twilio.codes import meaning
from channels.twilio.contents import LONGEST_PAYLOAD, Content, Contents, content_of

LONGEST_BODY = 256 * 1024
"""Bytes of one form."""

_SKEW = timedelta(minutes=2)
_REMEMBERED = 1_000
_ADDRESS = re.compile(r"whatsapp:\S{1,200}")
_SID = re.compile(r"[A-Z]{2}[0-9A-Za-z]{1,62}")
_COUNT = re.compile("[0-9]{1,3}")

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
_STOP = "STOP"
"""What Twilio tells beside one of the words with which it opts people out of a messaging service, and so blocks all
our answers; which words these are is up to the service. Then it is said to us in the word that we surely know. START
and HELP come as they were written: “yes” is one of the words, and may as well answer what we asked.
https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out"""


class _Form(dict[str, list[str]]):
    """Of a request; repeated keys are kept. `getall` is what the signature's check asks for first."""

    def getall(self, name: str) -> list[str]:
        return self[name]

    def first(self, *names: str) -> str:
        for name in names:
            if name in self:
                return self[name][0]
        return ""


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
        self._tokens = tuple(auth_tokens)
        self._from = {"from_" if sender.startswith("whatsapp:") else "messaging_service_sid": sender}
        self._public_url = public_url.rstrip("/")
        self._templates = dict(templates or {})
        waits = httpx.Timeout(timeout, connect=connect_timeout)
        self.api = Api(account_sid, auth_tokens[0], (api_url or "").rstrip("/"), waits)
        self._contents = Contents(self.api)
        self._rich: dict[str | None, None] = {}

    # --- in -----------------------------------------------------------------------------------

    def parse(self, request: Request) -> list[Inbound | Status]:
        """Read a message or a status callback."""
        form = _form(request.body)
        self._verify(request, form)
        if not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
            raise Malformed("not a form")
        asked = urlsplit(request.url).query
        query = _Form(parse_qs(asked, keep_blank_values=True) if asked else {})
        if "status" in query or "MessageStatus" in form:
            return _status(form, query)
        return self._message(form)

    @cached_property
    def _validators(self) -> list[Any]:
        from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

        return [RequestValidator(token) for token in self._tokens]

    def _verify(self, request: Request, form: _Form) -> None:
        from twilio.request_validator import compare

        parts = urlsplit(request.url)
        path = parts.path.removeprefix(urlsplit(self._public_url).path)
        url = f"{self._public_url}{path}" + (f"?{parts.query}" if parts.query else "")
        signature = request.headers.get("x-twilio-signature", "")
        # All of them are tried, whichever fits, so that the time tells nothing. First with the address as it is: Twilio
        # rarely signs it with another port, and trying that takes twice as long.
        if any([compare(each.compute_signature(url, form), signature) for each in self._validators]):  # noqa: C419
            return
        if not any([each.validate(url, form, signature) for each in self._validators]):  # noqa: C419
            raise Forged("the signature is missing or wrong")

    def _message(self, form: _Form) -> list[Inbound | Status]:
        if not form.keys() & {"Body", "NumMedia", "MessageType"}:
            return []
        address, sid = form.first("From"), form.first("MessageSid", "SmsMessageSid", "SmsSid")
        if not address or not _SID.fullmatch(sid):
            raise Malformed("a message without sender or number")
        if not _ADDRESS.fullmatch(address):
            return []
        if form.first("OptOutType") == _STOP:
            return [Inbound(self.name, address, sid, Kind.TEXT, _STOP)]
        choice = _choice(form)
        kind = _kind(form, choice)
        if kind is None:
            return []
        text = form.first("ButtonText", "ListTitle", "Body") if kind is Kind.CHOICE else form.first("Body")
        return [Inbound(self.name, address, sid, kind, text, choice if kind is Kind.CHOICE else None)]

    # --- out ----------------------------------------------------------------------------------

    async def send(self, address: str, message: Outgoing) -> Receipt:
        """Send a text, with buttons if they are within the limits and Twilio takes them; else the text alone.

        A message that comes a second time goes without buttons: they may be what was wrong with it.
        """
        _check(address)
        text = without_surrogates(message.text)
        if units(text) > self.text_limit:
            raise Permanent("the text is too long")
        content = None if message.reference in self._rich else content_of(text, message.buttons)
        sid = await self._contents.sid(content) if content else ""
        if content and sid:
            try:
                return await self._send_rich(address, message.reference, content, sid)
            except Permanent:
                pass
        receipt = await self._create(address, message.reference, body=text)
        if content and sid:  # the text was taken, so it was the content that was not
            self._contents.refuse(content)
        return receipt

    async def _send_rich(self, address: str, reference: str | None, content: Content, sid: str) -> Receipt:
        variables = json.dumps(content.variables, ensure_ascii=False)
        self._remember(reference)
        try:
            return await self._create(address, reference, rich=True, content_sid=sid, content_variables=variables)
        except RetryAfter:
            self._rich.pop(reference, None)
            raise

    async def invite(self, address: str, language: str) -> Receipt:
        """Send the template of the language, or the English one."""
        codes = (language, re.split("[-_]", language)[0], "en")
        sid = next((self._templates[code] for code in codes if self._templates.get(code)), None)
        if sid is None:
            raise OutsideWindow("there is no template to invite with")
        _check(address)
        return await self._create(address, None, content_sid=sid)

    async def find(
        self, address: str, message: Outgoing, since: datetime, others: Collection[str] = ()
    ) -> Receipt | None:
        """Look for the text among the last messages to the address; one that has failed does not count."""
        text, since = _squeezed(without_surrogates(message.text)), since.astimezone(UTC) - _SKEW
        try:
            latest = await self.api.call(lambda client: client.messages.list_async(to=address, limit=100))
        except Unknown:  # asking changes nothing
            raise RetryAfter("Twilio did not say what it has sent", 30.0) from None
        for sent in latest:
            failed = _STATES.get(sent.status) == "failed"
            if failed or sent.sid in others or not str(sent.direction).startswith("outbound"):
                continue
            created = sent.date_created
            if _squeezed(sent.body or "") == text and not (isinstance(created, datetime) and created < since):
                return Receipt(sent.sid)
        return None

    async def typing(self, address: str, external_id: str) -> None:
        """Show “typing …” for up to 25 seconds, and the message as read."""
        told = {"channel": "whatsapp", "message_id": external_id}
        with contextlib.suppress(Exception):
            await self.api.call(lambda client: client.messaging.v2.typing_indicator.create_async(**told))

    async def close(self) -> None:
        """Let go of the connections."""
        self._contents.close()
        await self.api.close()

    async def _create(self, address: str, reference: str | None, *, rich: bool = False, **told: str) -> Receipt:
        named = f"&reference={quote(reference, safe='')}" if reference else ""
        callback = f"{self._public_url}/channels/{self.name}?status{named}{'&buttons' if rich else ''}"
        told |= self._from | {"to": address, "status_callback": callback}
        sent = await self.api.call(lambda client: client.messages.create_async(**told))
        return Receipt(sent.sid)

    def _remember(self, reference: str | None) -> None:
        if reference:
            self._rich[reference] = None
            if len(self._rich) > _REMEMBERED:
                del self._rich[next(iter(self._rich))]


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
        error = meaning(int(code), rich="buttons" in query) if known else Permanent("Twilio does not say why")
    return [Status(sid, state, error, query.first("reference") or None)]


def _kind(form: _Form, choice: str) -> Kind | None:
    """What a message is; none if it is of a kind that nobody told us of."""
    told = form.first("MessageType").lower()
    if told in _SILENT:
        return None
    if choice:
        return Kind.CHOICE
    media = form.first("NumMedia") or "0"
    if not _COUNT.fullmatch(media):
        raise Malformed("NumMedia is no number")
    if told in _OTHERS:
        return Kind.OTHER
    if int(media):
        return _KINDS.get(form.first("MediaContentType0").partition("/")[0].lower(), Kind.FILE)
    if form.first("Latitude") and form.first("Longitude"):
        return Kind.LOCATION
    return Kind.TEXT if form.first("Body") else None


def _choice(form: _Form) -> str:
    """What the button said that was pressed, if one was."""
    choice = form.first("ButtonPayload") or form.first("ListId")
    fits = len(choice) <= LONGEST_PAYLOAD and not any(unicodedata.category(c) in {"Cc", "Cs"} for c in choice)
    return choice if fits else ""


def _check(address: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise Permanent("the address is not one of WhatsApp's")


def _squeezed(text: str) -> str:
    return " ".join(text.split())
