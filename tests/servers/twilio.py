"""A strict double of Twilio's API for WhatsApp, on real HTTP: what it would refuse, limit or report, this does too."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import heapq
import hmac
import itertools
import json
import random
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from channels import contract
from tests.servers import provider

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "an-auth-token-that-only-tests-know"
NUMBER = "whatsapp:+14155238886"
SERVICE = "MG0123456789abcdef0123456789abcdef"
PUBLIC = "https://dalil.example"

Form = list[tuple[str, str]]


@dataclass(frozen=True)
class Fault(provider.Fault):
    """What a call meets instead of its answer."""

    code: int = 0
    """Twilio's; without one the answer is no JSON, as from a machine in front of Twilio's."""


REFUSED, STOPPED, BUSY = Fault(400, 21211), Fault(400, 21610), Fault(429, 20429, retry_after=7)
BROKEN, UNAVAILABLE = Fault(500), Fault(503, 20503)
RESET, SILENT = Fault(cut="reset"), Fault(cut="silent")
ACCEPTED_THEN_RESET, ACCEPTED_THEN_SILENT = Fault(cut="reset", accepted=True), Fault(cut="silent", accepted=True)
FAULTS = (BROKEN, UNAVAILABLE, Fault(429, 20429, retry_after=1), RESET, ACCEPTED_THEN_RESET)
"""Those that a test may draw from without waiting long."""


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Sent:
    """A message that was accepted."""

    sid: str
    to: str
    body: str
    created: datetime
    callback: str = ""
    content: dict[str, Any] | None = None
    """Its content, filled in, if it has one."""
    status: str = "queued"
    error: int | None = None

    @property
    def buttons(self) -> list[tuple[str, str]]:
        """Titles and payloads, of replies or of a list."""
        types = self.content["types"] if self.content else {}
        replies = [(a["title"], a["id"]) for a in types.get("twilio/quick-reply", {}).get("actions", [])]
        return replies or [(i["item"], i["id"]) for i in types.get("twilio/list-picker", {}).get("items", [])]


@dataclass(frozen=True)
class Callbacks:
    """How statuses are told: each after some seconds, several times, in another order."""

    delay: tuple[float, float] = (0.0, 0.0)
    """Least and most."""
    copies: int = 1
    lost: float = 0.0
    """The share that is never told."""
    seed: int = 0
    patience: float = 15.0
    """Seconds for which each is tried, while the webhook does not take it."""


class Person:
    """Somebody with a phone; what they do becomes a form, and opens the window."""

    def __init__(self, twilio: Twilio, address: str) -> None:
        self._twilio, self.address = twilio, address

    def says(self, text: str, *, sid: str | None = None, **more: str) -> Form:
        """A text."""
        return self._form(sid, {"MessageType": "text", "Body": text} | more)

    def presses(self, payload: str, title: str = "", *, sid: str | None = None) -> Form:
        """A quick reply."""
        told = {"MessageType": "button", "Body": title, "ButtonText": title, "ButtonPayload": payload}
        return self._form(sid, told)

    def picks(self, payload: str, title: str = "", *, sid: str | None = None) -> Form:
        """An item of a list."""
        told = {"MessageType": "interactive", "Body": title, "ListTitle": title, "ListId": payload}
        return self._form(sid, told)

    def sends(self, content_type: str, caption: str = "", *, sid: str | None = None) -> Form:
        """A medium."""
        url = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
        told = {"Body": caption, "NumMedia": "1", "MediaContentType0": content_type, "MediaUrl0": url}
        return self._form(sid, {"MessageType": content_type.partition("/")[0]} | told)

    def shares(self, latitude: str, longitude: str, *, sid: str | None = None) -> Form:
        """Where they are."""
        told = {"MessageType": "location", "Body": "", "Latitude": latitude, "Longitude": longitude}
        return self._form(sid, told)

    def stops(self) -> Form:
        """To Twilio, which takes no more messages for them until they say START."""
        self._twilio.stopped.add(self.address)
        return self.says("STOP", OptOutType="STOP")

    def starts(self) -> Form:
        """Again."""
        self._twilio.stopped.discard(self.address)
        return self.says("START", OptOutType="START")

    def _form(self, sid: str | None, told: Mapping[str, str]) -> Form:
        self._twilio.heard[self.address] = self._twilio.now()
        sid = sid or self._twilio.new_sid("SM")
        self._twilio.inbound.add(sid)
        number = self.address.removeprefix("whatsapp:")
        whose = {"WaId": number[1:]} if number.startswith("+") else {"ExternalUserId": number}
        basic = {"MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "SmsStatus": "received"}
        basic |= {"AccountSid": ACCOUNT, "From": self.address, "To": NUMBER, "NumMedia": "0", "NumSegments": "1"}
        basic |= {"ProfileName": "Ada", "ApiVersion": "2010-04-01", **whose}
        return list((basic | dict(told)).items())


class Twilio(provider.Provider[Fault, Form]):
    """The double, and what a test may see and do behind its back."""

    def __init__(
        self, account: str = ACCOUNT, token: str = TOKEN, public_url: str = PUBLIC, *, webhook: str | None = None
    ) -> None:
        """`public_url`: of the webhook, as it is signed. `webhook`: where it really is; if none, see `collect`."""
        super().__init__()
        self.account, self.token, self.public_url, self.webhook = account, token, public_url.rstrip("/"), webhook
        self.sent: list[Sent] = []
        self.contents: dict[str, dict[str, Any]] = {}
        self.approvals: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.typed: list[str] = []
        self.inbound: set[str] = set()
        self.heard: dict[str, datetime] = {}
        """When each person last wrote."""
        self.stopped: set[str] = set()
        self.blocking: set[str] = set()
        self.nowhere: set[str] = set()
        """Numbers without WhatsApp."""
        self.refused_contents = 0
        """Accepted contents that WhatsApp refuses later, with this code."""
        self.story: tuple[str, ...] = ("sent", "delivered")
        """What becomes of a message that nothing speaks against."""
        self.callbacks = Callbacks()
        self._ahead = timedelta(0)
        self._numbers = itertools.count(1)
        self._chance = random.Random(0)
        self._due: list[tuple[float, int, str, Form]] = []
        self._waiting = threading.Condition()
        self._over = False

    # --- what a test does ---------------------------------------------------------------------

    @property
    def texts(self) -> list[str]:
        """What was accepted, in order."""
        return [message.body for message in self.sent]

    def now(self) -> datetime:
        """By Twilio's clock."""
        return datetime.now(UTC) + self._ahead

    def advance(self, time_: timedelta) -> None:
        """Move Twilio's clock."""
        self._ahead += time_

    def new_sid(self, prefix: str) -> str:
        """One that was never used, the same in every run."""
        return prefix + hashlib.md5(f"{prefix}{next(self._numbers)}".encode()).hexdigest()

    def person(self, address: str = "whatsapp:+254700000001", *, wrote: bool = True) -> Person:
        """Somebody on WhatsApp; `wrote`: just now."""
        if wrote:
            self.heard[address] = self.now()
        return Person(self, address)

    def fail(self, *faults: Fault, call: str = "messages") -> None:
        """Meet the next calls of a kind with these, one each."""
        self._faults[call].extend(faults)

    def tell(self, statuses: Callbacks) -> None:
        """Change how statuses are told."""
        self.callbacks, self._chance = statuses, random.Random(statuses.seed)

    def request(self, form: Form | bytes, query: str = "", token: str | None = None) -> contract.Request:
        """The signed request for a form, or for any other body."""
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        url = f"{self.public_url}/channels/whatsapp{query}"
        parsed = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        headers = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
        return contract.Request(url, body, headers | {"x-twilio-signature": sign(url, parsed, token or self.token)})

    def _posts(self, said: Sequence[Form], url: str | None) -> list[contract.Request]:
        return [self._at_webhook(self.request(form), url) for form in said]

    def _at_webhook(self, request: contract.Request, url: str | None = None) -> contract.Request:
        """A request where the webhook really is; the signature remains that of the public address."""
        parts, address = urlsplit(request.url), url or self.webhook
        assert address, "there is no webhook to call"
        return replace(request, url=f"{address}{parts.path}" + (f"?{parts.query}" if parts.query else ""))

    @contextmanager
    def serving(self, callers: int = 1) -> Iterator[Self]:
        """Serve on a free port, and send callbacks if there is a webhook, `callers` at once."""
        threads = [threading.Thread(target=self._call_back, daemon=True) for _ in range(callers)]
        self._over = False
        with super().serving():
            for thread in threads:
                thread.start()
            try:
                yield self
            finally:
                with self._waiting:
                    self._over = True
                    self._waiting.notify_all()
                for thread in threads:
                    thread.join(10)

    def app(self) -> FastAPI:
        """The app alone."""
        app = FastAPI()
        messages = "/2010-04-01/Accounts/{account}/Messages"
        for method, path, call, act in (
            ("POST", f"{messages}.json", "messages", self._create_message),
            ("GET", f"{messages}.json", "list", self._list_messages),
            ("GET", f"{messages}/{{sid}}.json", "fetch", self._fetch_message),
            ("POST", "/v1/Content", "contents", self._create_content),
            ("GET", "/v1/Content", "content-list", self._list_contents),
            ("GET", "/v1/ContentAndApprovals", "content-list", self._list_approvals),
            ("GET", "/v1/Content/{sid}", "content", self._fetch_content),
            ("POST", "/v1/Content/{sid}/ApprovalRequests/whatsapp", "approval", self._request_approval),
            ("GET", "/v1/Content/{sid}/ApprovalRequests", "approval", self._fetch_approval),
            ("POST", "/v2/Indicators/Typing.json", "typing", self._type),
        ):
            app.add_api_route(path, self._answering(call, act), methods=[method], response_model=None)
        app.add_api_route("/{rest:path}", self._answering("unknown", _nothing), methods=["GET", "POST"])
        return app

    # --- what it answers ----------------------------------------------------------------------

    def _answering(self, call: str, act: Callable[..., Any]) -> Callable[..., Any]:
        async def answer(request: Request) -> Response:
            self.calls.append(call)
            try:
                self._authenticate(request)
                told = await _parameters(request)
                fault = self._next_fault(call)
                if fault is None or fault.accepted:
                    result = act(told, **{key: value for key, value in request.path_params.items() if key == "sid"})
                if fault is None:
                    return JSONResponse(result, 201 if request.method == "POST" else 200)
                return await self._cut(request, fault) if fault.cut else _scripted(fault)
            except Refusal as refusal:
                more = f"https://www.twilio.com/docs/errors/{refusal.code}"
                told = {"code": refusal.code, "message": refusal.message, "more_info": more, "status": refusal.status}
                return JSONResponse(told, refusal.status)

        return answer

    def _authenticate(self, request: Request) -> None:
        expected = "Basic " + base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
            raise Refusal(20003, "Authenticate", 401)
        if request.path_params.get("account", self.account) != self.account:
            raise Refusal(20404, "The requested resource was not found", 404)

    def _create_message(self, told: dict[str, Any]) -> dict[str, Any]:
        _known(told, {"To", "From", "MessagingServiceSid", "Body", "ContentSid", "ContentVariables", "StatusCallback"})
        if [told.get("From"), told.get("MessagingServiceSid")] not in ([NUMBER, None], [None, SERVICE]):
            raise Refusal(63007, "Twilio could not find a Channel with the specified From address")
        to = told.get("To", "")
        if not re.fullmatch(r"whatsapp:(\+[1-9]\d{6,14}|[A-Z]{2}\.[0-9A-Za-z]{1,128})", to):
            raise Refusal(21211, f"The 'To' number {to} is not a valid phone number.")
        if not re.fullmatch(r"https?://[^/_\s]+/\S*", told.get("StatusCallback", "http://x/")):
            raise Refusal(21609, "The StatusCallback URL is not a valid URL")
        if to in self.stopped:
            raise Refusal(21610, "Attempt to send to unsubscribed recipient")
        content = self._filled(told)
        body = _body(content) if content else told.get("Body", "")
        if not body.strip() or (content and "Body" in told):
            raise Refusal(21602, "Message body is required")
        if _units(body) > 1600:
            raise Refusal(21617, "The concatenated message body exceeds the 1600 character limit")
        message = Sent(self.new_sid("SM"), to, body, self.now(), told.get("StatusCallback", ""), content)
        self.sent.append(message)
        answer = _message(message, self.account)  # still `queued`
        self._settle(message)
        return answer

    def _filled(self, told: dict[str, Any]) -> dict[str, Any] | None:
        if "ContentSid" not in told:
            return None
        content = self.contents.get(told["ContentSid"])
        if content is None:
            raise Refusal(21655, "The ContentSid Parameter is invalid")
        try:
            given = json.loads(told.get("ContentVariables", "{}"))
        except ValueError:
            given = None
        if not isinstance(given, dict) or any(not _is_variable(value) for value in given.values()):
            raise Refusal(21656, "The ContentVariables Parameter is invalid")
        values = (content.get("variables") or {}) | given
        types = json.loads(json.dumps(content["types"]), object_hook=lambda part: _fill(part, values))
        return content | {"types": types}

    def _settle(self, message: Sent) -> None:
        code = self._objection(message)
        story = ("sent", "undelivered" if code == 63016 else "failed") if code else self.story
        if code in {63024, 63021}:
            story = story[1:]
        message.status, message.error = story[-1] if story else "queued", code
        for status in story:
            self.report(message, status, code if status in {"failed", "undelivered"} else None)

    def _objection(self, message: Sent) -> int | None:
        """The code with which WhatsApp refuses a message that Twilio has accepted."""
        if message.to in self.nowhere:
            return 63024
        if message.to in self.blocking:
            return 63014
        content = message.content
        approved = content is not None and self.approvals.get(content["sid"], {}).get("status") == "approved"
        heard = self.heard.get(message.to)
        if not approved and (heard is None or self.now() - heard > timedelta(hours=24)):
            return 63016
        if content and self.refused_contents:
            return self.refused_contents
        if content and (
            _units(message.body) > 1024 or (not approved and len(message.buttons) > 3 and _is_reply(content))
        ):
            return 63021
        return None

    def _list_messages(self, told: dict[str, Any]) -> dict[str, Any]:
        _known(told, {"To", "From", "DateSent>", "DateSent<", "PageSize", "Page", "PageToken"})
        since = datetime.fromisoformat(told.get("DateSent>", "1970-01-01T00:00:00Z"))
        found = [m for m in self.sent if m.to == told.get("To", m.to) and m.created >= since]
        size, page = int(told.get("PageSize", 50)), int(told.get("Page", 0))
        part = sorted(found, key=lambda m: m.created, reverse=True)[page * size : (page + 1) * size]
        path = f"/2010-04-01/Accounts/{self.account}/Messages.json"
        following = told | {"Page": page + 1, "PageSize": size}
        more = f"{path}?{urlencode(following)}" if (page + 1) * size < len(found) else None
        return {"messages": [_message(m, self.account) for m in part], "page": page, "next_page_uri": more, "uri": path}

    def _fetch_message(self, told: dict[str, Any], sid: str) -> dict[str, Any]:
        for message in self.sent:
            if message.sid == sid:
                return _message(message, self.account)
        raise Refusal(20404, "The requested resource was not found", 404)

    def _create_content(self, told: dict[str, Any]) -> dict[str, Any]:
        _known(told, {"friendly_name", "language", "variables", "types"})
        types = told.get("types")
        if not told.get("language") or not isinstance(types, dict) or not types:
            raise Refusal(92001, "Content needs a language and types")
        for name, type_ in types.items():
            _check_type(name, type_)
        if len(told.get("variables", {})) > 100:
            raise Refusal(92002, "The max amount of variables allowed is 100")
        sid = self.new_sid("HX")
        self.contents[sid] = told | {"sid": sid, "account_sid": self.account}
        return self._fetch_content({}, sid)

    def _fetch_content(self, told: dict[str, Any], sid: str) -> dict[str, Any]:
        if sid not in self.contents:
            raise Refusal(20404, "The requested resource was not found", 404)
        return self.contents[sid] | {"date_created": None, "date_updated": None, "url": f"/v1/Content/{sid}"}

    def _list_contents(self, told: dict[str, Any]) -> dict[str, Any]:
        return self._page(told, [self._fetch_content({}, sid) for sid in self.contents])

    def _list_approvals(self, told: dict[str, Any]) -> dict[str, Any]:
        none = {"status": "unsubmitted"}
        known = [
            self._fetch_content({}, sid) | {"approval_requests": self.approvals.get(sid, none)} for sid in self.contents
        ]
        return self._page(told, known)

    def _page(self, told: dict[str, Any], entries: list[dict[str, Any]]) -> dict[str, Any]:
        _known(told, {"PageSize", "Page", "PageToken"})
        size, page = int(told.get("PageSize", 50)), int(told.get("Page", 0))
        if size > 1000:
            raise Refusal(20006, "Page size too large")
        more = f"https://content.twilio.com/v1/Content?PageSize={size}&Page={page + 1}"
        meta = {"key": "contents", "next_page_url": more if (page + 1) * size < len(entries) else None}
        return {"meta": meta, "contents": entries[page * size : (page + 1) * size]}

    def _request_approval(self, told: dict[str, Any], sid: str) -> dict[str, Any]:
        _known(told, {"name", "category"})
        content = self._fetch_content({}, sid)
        if not re.fullmatch("[a-z0-9_]{1,512}", told.get("name", "")):
            raise Refusal(92006, "The name must be lowercase letters, digits and underscores")
        if told.get("category") not in {"UTILITY", "MARKETING", "AUTHENTICATION"}:
            raise Refusal(92006, "Unknown category")
        if "twilio/list-picker" in content["types"]:
            raise Refusal(92006, "List-pickers cannot be approved")
        self.approvals[sid] = told | {"status": "received", "rejection_reason": ""}
        return self.approvals[sid]

    def _fetch_approval(self, told: dict[str, Any], sid: str) -> dict[str, Any]:
        return {"sid": sid, "account_sid": self.account, "whatsapp": self.approvals.get(sid)}

    def approve(self, sid: str) -> None:
        """What a person at WhatsApp does."""
        self.approvals[sid] = self.approvals.get(sid, {}) | {"status": "approved"}

    def _type(self, told: dict[str, Any]) -> dict[str, Any]:
        _known(told, {"channel", "messageId"})
        if told.get("channel") != "whatsapp" or told.get("messageId") not in self.inbound:
            raise Refusal(20404, "The message was not found", 404)
        self.typed.append(told["messageId"])
        return {"success": True}

    # --- what it reports ----------------------------------------------------------------------

    def report(self, message: Sent, status: str, code: int | None = None) -> None:
        """Tell the webhook what became of a message, as `callbacks` says."""
        if not message.callback or self._chance.random() < self.callbacks.lost:
            return
        form: Form = [("MessageSid", message.sid), ("SmsSid", message.sid), ("MessageStatus", status)]
        form += [("SmsStatus", status), ("To", message.to), ("From", NUMBER), ("AccountSid", self.account)]
        form += [("ApiVersion", "2010-04-01"), ("ChannelPrefix", "whatsapp")]
        form += [("ErrorCode", str(code))] if code else []
        for _ in range(self.callbacks.copies):
            due = time.monotonic() + self._chance.uniform(*self.callbacks.delay)
            with self._waiting:
                heapq.heappush(self._due, (due, next(self._numbers), message.callback, form))
                self._waiting.notify()

    def collect(self) -> list[contract.Request]:
        """The callbacks that are due, or will be, in that order; for tests without a webhook."""
        with self._waiting:
            due, self._due = sorted(self._due), []
        return [self._callback(url, form) for _, _, url, form in due]

    def _callback(self, url: str, form: Form) -> contract.Request:
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": sign(url, form, self.token),
        }
        return contract.Request(url, urlencode(form).encode(), headers)

    def _call_back(self) -> None:
        while (request := self._next_callback()) is not None:
            with contextlib.suppress(AssertionError):  # Twilio gives up as well
                provider.post(self._at_webhook(request), self.callbacks.patience, lambda: self._over)

    def _next_callback(self) -> contract.Request | None:
        with self._waiting:
            while not self._over:
                wait = self._due[0][0] - time.monotonic() if self._due and self.webhook else 1.0
                if self._due and self.webhook and wait <= 0:
                    _, _, url, form = heapq.heappop(self._due)
                    return self._callback(url, form)
                self._waiting.wait(wait)
        return None


def sign(url: str, form: Form, token: str) -> str:
    """Twilio's signature, written from its documentation: the address, then each key with each of its values."""
    values: dict[str, set[str]] = defaultdict(set)
    for key, value in form:
        values[key].add(value)
    told = url + "".join(key + value for key in sorted(values) for value in sorted(values[key]))
    return base64.b64encode(hmac.new(token.encode(), told.encode(), hashlib.sha1).digest()).decode()


async def _parameters(request: Request) -> dict[str, Any]:
    if request.method == "GET":
        return dict(request.query_params)
    body, content_type = await request.body(), request.headers.get("content-type", "")
    try:
        if request.url.path.startswith("/v1/"):
            if not content_type.startswith("application/json"):
                raise Refusal(20422, "The Content API takes JSON")
            told = json.loads(body)
            return told if isinstance(told, dict) else {}
        if not content_type.startswith("application/x-www-form-urlencoded"):
            raise Refusal(20001, "This is no form")
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise Refusal(20001, "The body cannot be read") from None


def _nothing(told: dict[str, Any]) -> Any:
    raise Refusal(20404, "The requested resource was not found", 404)


def _known(told: dict[str, Any], known: set[str]) -> None:
    """Twilio ignores parameters that it does not know; here they are mistakes."""
    if unknown := set(told) - known:
        raise Refusal(20001, f"the double knows no {sorted(unknown)}")


def _scripted(fault: Fault) -> Response:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if not fault.code:
        return Response("<html>Bad Gateway</html>", fault.status, headers, media_type="text/html")
    # As Twilio does: its words name the person.
    told = {"code": fault.code, "message": "Scripted, for whatsapp:+254700000001", "status": fault.status}
    return JSONResponse(told, fault.status, headers)


def _message(message: Sent, account: str) -> dict[str, Any]:
    created = format_datetime(message.created)
    path = f"/2010-04-01/Accounts/{account}/Messages/{message.sid}.json"
    return {
        "sid": message.sid,
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": created,
        "date_sent": created if message.status != "queued" else None,
        "date_updated": created,
        "direction": "outbound-api",
        "error_code": message.error,
        "error_message": None,
        "from": NUMBER,
        "to": message.to,
        "status": message.status,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": None,
        "messaging_service_sid": None,
        "subresource_uris": {},
        "uri": path,
    }


def _check_type(name: str, type_: Any) -> None:
    body = str(type_.get("body", ""))
    if not body or len(body) > (1600 if name == "twilio/text" else 1024):
        raise Refusal(92003, "body: 1 to 1024 characters")
    if name == "twilio/quick-reply":
        actions = type_.get("actions", [])
        wrong = [a for a in actions if not 0 < len(a["title"]) <= 20 or not 0 < len(a["id"]) <= 200]
        if not 1 <= len(actions) <= 10 or wrong or len({a["title"] for a in actions}) < len(actions):
            raise Refusal(92003, "actions: 1 to 10, each title once and of 1 to 20 characters")
    elif name == "twilio/list-picker":
        items = type_.get("items", [])
        wrong = [i for i in items if not 0 < len(i["item"]) <= 24 or not 0 < len(i["id"]) <= 200]
        wrong += [i for i in items if not 0 < len(i.get("description", "-")) <= 72]
        if not 1 <= len(items) <= 10 or wrong or not 0 < len(type_.get("button", "")) <= 20:
            raise Refusal(92003, "items: 1 to 10 of 1 to 24 characters; button: 1 to 20")
    elif name != "twilio/text":
        raise Refusal(92003, f"the double knows no {name}")


def _is_variable(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and len(value) <= 1600 and not re.search(r"[\n\t]| {5}", value)


def _fill(part: dict[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    def filled(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return re.sub(r"\{\{(\w+)\}\}", lambda found: values.get(found[1], ""), value)

    return {key: filled(value) for key, value in part.items()}


def _body(content: dict[str, Any]) -> str:
    return str(next(iter(content["types"].values()))["body"])


def _is_reply(content: dict[str, Any]) -> bool:
    return "twilio/quick-reply" in content["types"]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
