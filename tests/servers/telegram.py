"""A strict double of Telegram's Bot API on real HTTP: what it would refuse, limit or lose, this does too."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from channels import contract
from tests.servers import provider

TOKEN = "70000001:AAF-a_token_that_only_tests_know_0123456"
SECRET = "a-secret_that-only-tests_know"
EVERYTHING = ("message", "edited_message", "channel_post", "callback_query", "my_chat_member")

Update = dict[str, Any]


@dataclass(frozen=True)
class Fault(provider.Fault):
    """What a call meets instead of its answer; 429 has `retry_after`."""

    description: str = "Scripted"
    parameters: dict[str, Any] = field(default_factory=dict)


RESET, SILENT = Fault(cut="reset"), Fault(cut="silent")
ACCEPTED_THEN_RESET, ACCEPTED_THEN_SILENT = Fault(cut="reset", accepted=True), Fault(cut="silent", accepted=True)
BUSY = Fault(429, retry_after=7, description="Too Many Requests: retry after 7")
FAULTS = (Fault(500), Fault(502), Fault(429, retry_after=1), RESET, ACCEPTED_THEN_RESET)
"""Those that a test may draw from without waiting long."""


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters


@dataclass(frozen=True)
class Sent:
    """A message that was accepted."""

    chat: int
    text: str
    message_id: int
    at: float
    entities: tuple[dict[str, Any], ...] = ()
    rows: tuple[tuple[dict[str, str], ...], ...] = ()
    preview: bool = True

    @property
    def bold(self) -> list[str]:
        """The runs in bold, as a phone would cut them out."""
        units = self.text.encode("utf-16-le")
        cuts = [(2 * e["offset"], 2 * (e["offset"] + e["length"])) for e in self.entities if e["type"] == "bold"]
        return [units[start:end].decode("utf-16-le") for start, end in cuts]


class Person:
    """Somebody with a phone; what they do becomes an update."""

    def __init__(self, api: BotApi, chat: int, language: str | None) -> None:
        self._api, self.chat = api, chat
        self.user = {"id": chat, "is_bot": False, "first_name": "Ada"}
        if language:
            self.user["language_code"] = language

    def says(self, text: str, *, message_id: int | None = None, group: int | None = None) -> Update:
        """A text, perhaps in a group."""
        return self._api.update(message=self._message(message_id, group) | {"text": text})

    def edits(self, text: str, message_id: int) -> Update:
        """A text that was corrected."""
        return self._api.update(edited_message=self._message(message_id) | {"text": text, "edit_date": 1_760_000_100})

    def sends(self, what: str, content: Any = None, caption: str = "", *, message_id: int | None = None) -> Update:
        """A medium; `what` is the name of its field."""
        told = {what: content if content is not None else {}} | ({"caption": caption} if caption else {})
        return self._api.update(message=self._message(message_id) | told)

    def presses(
        self, payload: str, title: str = "", *, press_id: str | None = None, group: int | None = None
    ) -> Update:
        """A button below a message of ours, perhaps in a group."""
        number = next(self._api.numbers)
        markup = {"inline_keyboard": [[{"text": title, "callback_data": payload}]]}
        chat = self._message(None, group)["chat"]
        ours = {"message_id": number, "date": 1_760_000_000, "chat": chat, "text": "Choose", "reply_markup": markup}
        press: dict[str, Any] = {
            "id": press_id or f"4382{number:012}",
            "from": self.user,
            "message": ours,
            "data": payload,
        }
        self._api.presses.add(press["id"])
        return self._api.update(callback_query=press | {"chat_instance": "-3940"})

    def blocks(self) -> Update:
        """The bot; later messages to this person are refused."""
        self._api.blocked.add(self.chat)
        chat = {"id": self.chat, "type": "private", "first_name": "Ada"}
        bot = {"id": 70000001, "is_bot": True, "first_name": "Dalil", "username": "dalil_bot"}
        old, new = {"user": bot, "status": "member"}, {"user": bot, "status": "kicked", "until_date": 0}
        change = {"chat": chat, "from": self.user, "date": 1_760_000_000}
        return self._api.update(my_chat_member=change | {"old_chat_member": old, "new_chat_member": new})

    def _message(self, message_id: int | None, group: int | None = None) -> dict[str, Any]:
        chat: dict[str, Any] = {"id": self.chat, "type": "private", "first_name": "Ada"}
        if group is not None:
            chat = {"id": group, "type": "supergroup", "title": "Officers"}
        number = message_id if message_id is not None else next(self._api.numbers)
        return {"message_id": number, "date": 1_760_000_000, "chat": chat, "from": self.user}


class BotApi(provider.Provider[Fault, Update]):
    """The double, and what a test may see and do behind its back."""

    def __init__(self, token: str = TOKEN, secret: str = SECRET, *, limits: bool = False) -> None:
        """`limits`: keep 1 message a second and chat, 30 in all, 20 a minute and group."""
        super().__init__()
        self.token, self.secret = token, secret
        self.forget(limits=limits)

    def forget(self, *, limits: bool = False) -> None:
        """Begin again, on the same port."""
        self.forgive()
        self.limits = limits
        self.sent: list[Sent] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.webhook: dict[str, Any] | None = None
        self.commands: dict[str, list[dict[str, str]]] = {}
        self.answered: list[str] = []
        self.alerts: dict[str, str] = {}
        self.edits: list[Sent] = []
        self.presses: set[str] = set()
        self.chats: set[int] = set()
        self.blocked: set[int] = set()
        self.migrated: dict[int, int] = {}
        self.waiting: list[Update] = []
        self.numbers = itertools.count(1)
        self._update_ids = itertools.count(500_000_001)
        self._polls = 0

    # --- what a test does ---------------------------------------------------------------------

    @property
    def texts(self) -> list[str]:
        """What was accepted, in order."""
        return [message.text for message in self.sent]

    def person(self, chat: int, language: str | None = None) -> Person:
        """Somebody who has started the bot."""
        self.chats.add(chat)
        return Person(self, chat, language)

    def fail(self, *faults: Fault, method: str = "sendMessage") -> None:
        """Meet the next calls of a method with these, one each."""
        self._faults[method].extend(faults)

    def update(self, **content: Any) -> Update:
        """An update with a number of its own."""
        return {"update_id": next(self._update_ids), **content}

    def request(self, update: Any) -> contract.Request:
        """The webhook's request for an update, or for any other body."""
        body = update if isinstance(update, bytes) else json.dumps(update).encode()
        headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": self.secret}
        return contract.Request("https://dalil.example/channels/telegram", body, headers)

    def _posts(self, said: Sequence[Update], url: str | None) -> list[contract.Request]:
        hook = self.webhook or {"url": url, "secret_token": self.secret, "allowed_updates": EVERYTHING}
        wanted = [self.request(update) for update in said if set(update) & set(hook["allowed_updates"])]
        secret = {"x-telegram-bot-api-secret-token": hook["secret_token"]}
        return [replace(post, url=url or hook["url"], headers={**post.headers, **secret}) for post in wanted]

    def app(self) -> FastAPI:
        """The app alone."""
        app = FastAPI()
        app.add_api_route("/bot{token}/{method}", self._call, methods=["GET", "POST"], response_model=None)
        return app

    # --- what it answers ----------------------------------------------------------------------

    async def _call(self, request: Request, token: str, method: str) -> Response:
        try:
            if token != self.token:
                well_formed = re.fullmatch(r"\d+:[\w-]{30,}", token)
                raise Refusal(401, "Unauthorized") if well_formed else Refusal(404, "Not Found")
            act = getattr(self, f"_{method}", None) if method in _PARAMETERS else None
            if act is None:
                raise Refusal(404, "Not Found: method not found")
            parameters = await _parameters(request, method)
            self.calls.append((method, parameters))
            fault = self._next_fault(method)
            if fault and fault.accepted:
                await act(parameters)
            if fault and fault.cut:
                return await self._cut(request, fault)
            if fault:
                extra = {"retry_after": fault.retry_after} if fault.retry_after is not None else {}
                raise Refusal(fault.status, fault.description, **fault.parameters, **extra)
            return JSONResponse({"ok": True, "result": await act(parameters)})
        except Refusal as refusal:
            answer = {"ok": False, "error_code": refusal.status, "description": refusal.description}
            if refusal.status == 502:  # from a machine in front of Telegram's: no JSON
                return Response("<html>Bad Gateway</html>", refusal.status, media_type="text/html")
            if refusal.parameters:
                answer["parameters"] = refusal.parameters
            return JSONResponse(answer, refusal.status)

    async def _getMe(self, told: dict[str, Any]) -> Any:
        names = {"first_name": "Dalil", "username": "dalil_bot"}
        rights = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
        return {"id": int(self.token.partition(":")[0]), "is_bot": True, **names, **rights}

    async def _sendMessage(self, told: dict[str, Any]) -> Any:
        chat = self._reachable(told)
        text = told.get("text")
        if not isinstance(text, str) or not text.strip():
            raise Refusal(400, "Bad Request: message text is empty")
        if any(0xD800 <= ord(character) < 0xE000 for character in text):
            raise Refusal(400, "Bad Request: strings must be encoded in UTF-8")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            raise Refusal(400, "Bad Request: message is too long")
        entities = _entities(told.get("entities", []), text)
        rows = _rows(told.get("reply_markup", {}))
        preview = not told.get("link_preview_options", {}).get("is_disabled", False)
        written = Sent(chat, text, 0, time.monotonic(), entities, rows, preview)
        message = self._replaced(written, told["message_id"]) if "message_id" in told else self._added(written)
        kind = {"type": "private", "first_name": "Ada"} if chat > 0 else {"type": "supergroup", "title": "Officers"}
        answer = {"message_id": message.message_id, "date": int(time.time()), "chat": {"id": chat, **kind}}
        return answer | {"text": text} | ({"entities": list(entities)} if entities else {})

    async def _editMessageText(self, told: dict[str, Any]) -> Any:
        return await self._sendMessage({"message_id": None, **told})

    def _added(self, written: Sent) -> Sent:
        self._limit(written.chat, written.at)
        self.sent.append(replace(written, message_id=next(self.numbers)))
        return self.sent[-1]

    def _replaced(self, written: Sent, message_id: Any) -> Sent:
        named = (written.chat, message_id)
        place = next((at for at, each in enumerate(self.sent) if (each.chat, each.message_id) == named), None)
        if place is None:
            raise Refusal(400, "Bad Request: message to edit not found")
        old = self.sent[place]
        edited = replace(written, message_id=old.message_id, at=old.at)
        if edited == old:
            same = "specified new message content and reply markup are exactly the same as a current content"
            raise Refusal(400, f"Bad Request: message is not modified: {same} and reply markup of the message")
        self.sent[place] = edited
        self.edits.append(edited)
        return edited

    async def _sendChatAction(self, told: dict[str, Any]) -> Any:
        self._reachable(told)
        if told.get("action") not in {"typing", "upload_photo", "upload_document", "find_location", "choose_sticker"}:
            raise Refusal(400, "Bad Request: wrong parameter action in request")
        return True

    async def _answerCallbackQuery(self, told: dict[str, Any]) -> Any:
        press = told.get("callback_query_id")
        if press not in self.presses:
            raise Refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        if len(told.get("text", "")) > 200:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        self.answered.append(str(press))
        if told.get("show_alert"):
            self.alerts[str(press)] = told["text"]
        return True

    async def _setWebhook(self, told: dict[str, Any]) -> Any:
        url, secret = str(told.get("url", "")), str(told.get("secret_token", ""))
        if url and not re.fullmatch(r"https://[^/]+(:(443|80|88|8443))?/\S*|http://127\.0\.0\.1:\d+/\S*", url):
            raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", secret):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        if told.get("drop_pending_updates"):
            self.waiting.clear()
        hook = {"url": url, "secret_token": secret, "allowed_updates": told.get("allowed_updates") or EVERYTHING}
        self.webhook = hook if url else None
        return True

    async def _deleteWebhook(self, told: dict[str, Any]) -> Any:
        if told.get("drop_pending_updates"):
            self.waiting.clear()
        self.webhook = None
        return True

    async def _getUpdates(self, told: dict[str, Any]) -> Any:
        if self.webhook:
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active")
        self._polls += 1
        mine, end = self._polls, time.monotonic() + float(told.get("timeout", 0))
        offset, allowed = int(told.get("offset", 0)), told.get("allowed_updates") or EVERYTHING
        self.waiting = [update for update in self.waiting if update["update_id"] >= offset]
        while True:
            if mine != self._polls:
                raise Refusal(409, "Conflict: terminated by other getUpdates request")
            found = [update for update in self.waiting if set(update) & set(allowed)]
            if found or time.monotonic() >= end:
                return sorted(found, key=lambda update: int(update["update_id"]))[: int(told.get("limit", 100))]
            await asyncio.sleep(0.01)

    async def _setMyCommands(self, told: dict[str, Any]) -> Any:
        commands, language = told.get("commands"), told.get("language_code", "")
        if not isinstance(commands, list) or len(commands) > 100:
            raise Refusal(400, "Bad Request: can't parse commands")
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command.get("command", "")):
                raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
            if not 1 <= len(command.get("description", "")) <= 256:
                raise Refusal(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID")
        if language and not re.fullmatch("[a-z]{2}", language):
            raise Refusal(400, "Bad Request: invalid language code specified")
        self.commands[language] = commands
        return True

    def _reachable(self, told: dict[str, Any]) -> int:
        if not re.fullmatch(r"-?\d{1,19}", str(told.get("chat_id", ""))):
            raise Refusal(400, "Bad Request: chat_id is empty")
        chat = int(told["chat_id"])
        if chat in self.migrated:
            description = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, description, migrate_to_chat_id=self.migrated[chat])
        if chat not in self.chats:
            raise Refusal(400, "Bad Request: chat not found")
        if chat in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        return chat

    def _limit(self, chat: int, now: float) -> None:
        if not self.limits:
            return
        recent = list(itertools.takewhile(lambda message: now - message.at < 60, reversed(self.sent)))
        last_second = [message for message in recent if now - message.at < 1]
        if len(last_second) >= 30 or any(message.chat == chat for message in last_second):
            raise Refusal(429, "Too Many Requests: retry after 1", retry_after=1)
        if chat < 0 and (group := [message.at for message in recent if message.chat == chat])[19:]:
            wait = int(60 - (now - group[19])) + 1
            raise Refusal(429, f"Too Many Requests: retry after {wait}", retry_after=wait)


_PARAMETERS = {
    "getMe": set[str](),
    "sendMessage": {"chat_id", "text", "entities", "link_preview_options", "reply_markup", "message_thread_id"},
    "editMessageText": {"chat_id", "message_id", "text", "entities", "link_preview_options", "reply_markup"},
    "sendChatAction": {"chat_id", "action", "message_thread_id"},
    "answerCallbackQuery": {"callback_query_id", "text", "show_alert", "url", "cache_time"},
    "setWebhook": {"url", "secret_token", "allowed_updates", "drop_pending_updates", "max_connections"},
    "deleteWebhook": {"drop_pending_updates"},
    "getUpdates": {"offset", "limit", "timeout", "allowed_updates"},
    "setMyCommands": {"commands", "scope", "language_code"},
}
"""Of each method. Telegram ignores others; here they are mistakes."""


async def _parameters(request: Request, method: str) -> dict[str, Any]:
    body = await request.body()
    told: Any = dict(request.query_params)
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            told |= json.loads(body)
        else:
            told |= dict(parse_qsl(body.decode()))
            structured = {"entities", "reply_markup", "link_preview_options", "allowed_updates", "commands", "scope"}
            told |= {key: json.loads(value) for key, value in told.items() if key in structured}
    except (ValueError, TypeError):
        raise Refusal(400, "Bad Request: can't parse JSON object") from None
    if unknown := set(told) - _PARAMETERS[method]:
        raise Refusal(400, f"Bad Request: the double knows no {sorted(unknown)}")
    return dict(told)


def _entities(entities: Any, text: str) -> tuple[dict[str, Any], ...]:
    units = text.encode("utf-16-le")
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if entity["type"] not in {"bold", "italic", "underline", "code", "text_link"} or not 0 <= start < end:
            raise Refusal(400, "Bad Request: can't parse entities: a wrong entity")
        if end > len(units) // 2 or any(_is_half(units[2 * place : 2 * place + 2]) for place in (start, end)):
            raise Refusal(400, "Bad Request: can't parse entities: an entity ends outside the text or in a character")
    return tuple(entities)


def _is_half(unit: bytes) -> bool:
    return len(unit) == 2 and 0xDC00 <= int.from_bytes(unit, "little") < 0xE000


def _rows(markup: dict[str, Any]) -> tuple[tuple[dict[str, str], ...], ...]:
    rows = tuple(tuple(row) for row in markup.get("inline_keyboard", []))
    buttons = list(itertools.chain(*rows))
    if len(buttons) > 100 or any(not 1 <= len(row) <= 8 for row in rows):
        raise Refusal(400, "Bad Request: reply markup is too long")
    for button in buttons:
        if not button.get("text", "").strip():
            raise Refusal(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed")
        if not 1 <= len(button.get("callback_data", "").encode()) <= 64:
            raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    return rows
