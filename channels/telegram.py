"""Telegram as a channel: what its webhook posts, and the few methods of the Bot API that we call."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import httpx

from channels.contract import (
    Button,
    Forged,
    GroupChannel,
    Inbound,
    Kind,
    Malformed,
    Misconfigured,
    Outgoing,
    Permanent,
    Press,
    Receipt,
    Request,
    RetryAfter,
    SendError,
    Stopped,
    Unknown,
)
from channels.proxy import proxy_to
from channels.text import units, without_surrogates

if TYPE_CHECKING:
    from telegram import CallbackQuery, Chat, Message, User  # 0.15 s, so it is imported where it is used

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a name
MESSAGES_PER_SECOND = 30
MESSAGES_PER_SECOND_AND_CHAT = 1
MESSAGES_PER_MINUTE_AND_GROUP = 20
"""All topics of a group together. The limits are those of Telegram; whoever sends keeps them."""

LONGEST_BODY = 1024 * 1024
"""Bytes of one update; a message that answers another carries that one too."""
LONGEST_PAYLOAD = 64
"""Bytes of what a button may bring back."""
MOST_BUTTONS = 100
LONGEST_ALERT = 200
"""Characters of the answer to a press."""
WANTED = ("message", "callback_query")
"""The updates that we ask for. Without `edited_message` a correction is not answered a second time."""

_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_CHAT = re.compile(r"-?[0-9]{1,19}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)?")
# A name between asterisks; no arithmetic, no list's bullet, no part of a link.
_BOLD = re.compile(r"(?<![\w*/=&?#%.:+~-])\*(?=\S)([^*\n]+)(?<=\S)\*(?![\w*])")

_PRESS = "press:"
_NICETY = 5.0
"""Seconds that it may take to show that we are typing."""
_KINDS = {
    # An animation has a `document` beside it, and a venue a `location`: the first of these counts.
    **dict.fromkeys(("animation", "video", "video_note"), Kind.VIDEO),
    **dict.fromkeys(("photo", "live_photo"), Kind.IMAGE),
    **dict.fromkeys(("voice", "audio"), Kind.AUDIO),
    **dict.fromkeys(("location", "venue"), Kind.LOCATION),
    "document": Kind.FILE,
    **dict.fromkeys(("sticker", "contact", "poll", "dice", "story", "game", "checklist", "paid_media"), Kind.OTHER),
}
_READ = ("message_id", "date", "chat", "from", "text", "caption", "reply_markup")
_REASON = re.compile(
    "chat not found|message text is empty|message is too long|button_data_invalid|not enough rights|can't parse|"
    "message is not modified|message to edit not found|message can't be edited|"
    "bad webhook|webhook is active|terminated by other getupdates"
)
"""What Telegram's descriptions may say in our errors; the rest might quote what a person wrote."""


class _Transport(httpx.AsyncHTTPTransport):
    """Puts the token into the address last of all: httpx logs addresses and keeps them in its errors."""

    def __init__(self, token: str, **options: Any) -> None:
        super().__init__(**options)
        self._token = token.encode()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        base, _, method = request.url.raw_path.rpartition(b"/")
        url = request.url.copy_with(raw_path=base + b"/bot" + self._token + b"/" + method)
        told = httpx.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )
        return await super().handle_async_request(told)


class TelegramChannel(GroupChannel):
    """A bot. Only private chats are listened to, and the buttons in the officers' group; groups may be written to."""

    name = "telegram"
    text_limit = 4096
    interval = timedelta(seconds=1 / MESSAGES_PER_SECOND_AND_CHAT)
    per_second = MESSAGES_PER_SECOND
    per_minute_in_group = MESSAGES_PER_MINUTE_AND_GROUP

    def __init__(
        self,
        token: str,
        secret: str = "",
        api_url: str | None = None,
        *,
        group: int | None = None,
        connect_timeout: float = 5.0,
        timeout: float = 20.0,
        pause: float = 1.0,
    ) -> None:
        """`secret`: what the webhook is called with; without it every request is forged (polling needs none).

        `api_url`: of a test server. `group`: the officers' chat. Seconds: `timeout` to write and to wait for an answer,
        `pause` before a poll that failed is tried again.
        """
        if not _TOKEN.fullmatch(token):
            raise ValueError("the Telegram token must look like 123456:letters")
        if secret and not _SECRET.fullmatch(secret):
            raise ValueError("the Telegram secret must be 1 to 256 letters, digits, - or _")
        self._token, self._secret = token, secret
        self._api_url = (api_url or "https://api.telegram.org").rstrip("/")
        self._timeout = httpx.Timeout(timeout, connect=connect_timeout)
        self._pause = pause
        self.group = None if group is None else str(group)
        # A connection cannot leave its event loop, and sending and thinking may have one each.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

    # --- in -----------------------------------------------------------------------------------

    def parse(self, request: Request) -> list[Inbound | Press]:
        """Read what the webhook was called with."""
        told = request.headers.get(SECRET_HEADER, "").encode("utf-8", "replace")
        if not self._secret or not hmac.compare_digest(told, self._secret.encode()):
            raise Forged("the secret is missing or wrong")
        if len(request.body) > LONGEST_BODY:
            raise Malformed("too long")
        try:
            update = json.loads(request.body)
        except (ValueError, RecursionError):
            raise Malformed("not JSON") from None
        return self.read(update)

    def read(self, update: object) -> list[Inbound | Press]:
        """Read one update, as `poll` gives them. Raises `Malformed`."""
        from telegram import Update

        if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
            raise Malformed("not an update")
        try:
            found = Update.de_json(_needed(update))
            if found.message:
                return self._message(found.message, update["message"])
            if found.callback_query:
                return self._press(found.callback_query)
        except Exception:  # whatever the library trips over; it does not check types itself
            raise Malformed("an update of an unknown form") from None
        return []

    def _message(self, message: Message, raw: Mapping[str, Any]) -> list[Inbound | Press]:
        sender = message.from_user
        if message.chat.type != "private" or (sender and sender.is_bot):
            return []
        kind = Kind.TEXT if message.text else next((kind for key, kind in _KINDS.items() if key in raw), None)
        if kind is None:  # a message of the service: the chat's picture was changed, something was pinned
            return []
        # Without the chat's id, which is the address. With the date: ids begin again under another bot.
        external_id = f"{int(message.message_id)}@{int(message.date.timestamp())}"
        return [self._inbound(message.chat, sender, external_id, kind, message.text or message.caption)]

    def _press(self, press: CallbackQuery) -> list[Inbound | Press]:
        choice = _string(press.data)
        if not choice or any(unicodedata.category(character) in {"Cc", "Cs"} for character in choice):
            return []
        if press.message is None:
            return []
        if (chat := str(int(press.message.chat.id))) == self.group:
            return [Press(self.name, chat, str(int(press.from_user.id)), choice, _string(press.id))]
        if press.message.chat.type != "private":
            return []
        external_id, title = f"{_PRESS}{_string(press.id)}", _title(press, choice)
        return [self._inbound(press.message.chat, press.from_user, external_id, Kind.CHOICE, title, choice)]

    def _inbound(
        self, chat: Chat, sender: User | None, external_id: str, kind: Kind, text: str | None, choice: str | None = None
    ) -> Inbound:
        address, language = str(int(chat.id)), _language(sender.language_code if sender else None)
        return Inbound(self.name, address, external_id, kind, _string(text), choice, language)

    async def poll(self, hold: float = 50.0) -> AsyncIterator[list[dict[str, Any]]]:
        """Fetch updates, for local use; `hold`: seconds to wait for one. Takes the webhook away.

        A batch is confirmed by asking for the next, so it comes again if the caller fails before that.
        """
        await self._call("deleteWebhook", {"drop_pending_updates": False})
        offset = 0
        while True:
            body = {"offset": offset, "timeout": int(hold), "allowed_updates": WANTED}
            try:
                batch = await self._call("getUpdates", body, hold=hold)
            except Misconfigured:
                raise
            except (RetryAfter, Unknown) as error:
                await asyncio.sleep(error.seconds if isinstance(error, RetryAfter) else self._pause)
                continue
            if batch:
                yield batch
                offset = max(update["update_id"] for update in batch) + 1

    # --- out ----------------------------------------------------------------------------------

    async def send(self, address: str, message: Outgoing) -> Receipt:
        """Send a text and its buttons."""
        chat, text = _chat(address), without_surrogates(message.text)
        if units(text) > self.text_limit:
            raise Permanent("the text is too long")
        sent = await self._call("sendMessage", _body(chat, text, message.buttons))
        message_id = sent.get("message_id") if isinstance(sent, dict) else None
        return Receipt(str(message_id) if message_id else None)

    async def edit(self, address: str, external_id: str, message: Outgoing) -> None:
        """Write a message anew; that it says so already is no error."""
        body = _body(_chat(address), without_surrogates(message.text), message.buttons)
        try:
            await self._call("editMessageText", body | {"message_id": int(external_id)})
        except Permanent as error:
            if "not modified" not in str(error):
                raise

    async def answer(self, press: Press, text: str) -> None:
        """Show it above the chat until it is taken away."""
        body = {"callback_query_id": press.press_id, "text": text[:LONGEST_ALERT], "show_alert": True}
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_NICETY):
                await self._call("answerCallbackQuery", body)

    async def typing(self, address: str, external_id: str) -> None:
        """Show “typing …”, and take the clock off the button that was pressed, if one was."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_NICETY):
                if external_id.startswith(_PRESS):
                    with contextlib.suppress(SendError):  # it was pressed too long ago
                        query = external_id.removeprefix(_PRESS)
                        await self._call("answerCallbackQuery", {"callback_query_id": query})
                await self._call("sendChatAction", {"chat_id": _chat(address), "action": "typing"})

    async def announce(self, url: str, menus: Mapping[str, Sequence[tuple[str, str]]]) -> None:
        """Set the webhook and the menus. Telegram has them for two-letter languages only. Raises a `SendError`."""
        if not self._secret:
            raise Permanent("a webhook needs a secret")
        body = {"url": url, "secret_token": self._secret, "allowed_updates": WANTED, "drop_pending_updates": False}
        await self._call("setWebhook", body)
        for language, menu in menus.items():
            if len(language) in {0, 2}:
                entries = [{"command": command, "description": text} for command, text in menu]
                scope = {"type": "all_private_chats"}
                await self._call("setMyCommands", {"commands": entries, "scope": scope, "language_code": language})

    async def close(self) -> None:
        """Let go of the connections of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client:
            await client.aclose()

    async def _call(self, method: str, body: Mapping[str, Any], hold: float = 0.0) -> Any:
        """Call a method of the Bot API once, and give its result; `hold`: seconds that it may take on purpose."""
        seconds = self._timeout.as_dict()
        timeout = httpx.Timeout(**(seconds | {"read": (seconds["read"] or 0) + hold}))
        failure: SendError
        try:
            answer = await self._connected().post(f"{self._api_url}/{method}", json=body, timeout=timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError):
            failure = RetryAfter("Telegram cannot be reached", 5.0)
        except httpx.HTTPError as error:
            failure = Unknown(f"Telegram did not answer ({type(error).__name__})")
        else:
            return _result(answer)
        raise failure  # not where it was caught: the library's errors hold the request

    def _connected(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            transport = _Transport(self._token, proxy=proxy_to(self._api_url))
            self._clients[loop] = httpx.AsyncClient(transport=transport)
        return self._clients[loop]


def _needed(update: Mapping[str, Any]) -> dict[str, Any]:
    """What we read of an update, so that news in the rest cannot keep a message from being read."""
    needed: dict[str, Any] = {"update_id": update["update_id"]}
    if message := update.get("message"):
        needed["message"] = _picked(message)
    if press := update.get("callback_query"):
        needed["callback_query"] = {**press, "message": _picked(press["message"]) if press.get("message") else None}
    return needed


def _picked(message: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key in _READ}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _language(code: object) -> str | None:
    return code.lower() if isinstance(code, str) and _LANGUAGE.fullmatch(code) else None


def _title(press: CallbackQuery, choice: str) -> str:
    """What was written on the button; nothing if its message is too old to be told."""
    markup = getattr(press.message, "reply_markup", None)
    buttons = [button for row in markup.inline_keyboard for button in row] if markup else []
    return next((_string(button.text) for button in buttons if button.callback_data == choice), "")


def _chat(address: str) -> int:
    if not _CHAT.fullmatch(address):
        raise Permanent("the address is not a chat")
    return int(address)


def _body(chat: int, text: str, buttons: Sequence[Button]) -> dict[str, Any]:
    """The parameters of `sendMessage` and `editMessageText`. Without a parse mode nothing in a text can break it."""
    plain, entities = _emphasised(text)
    body: dict[str, Any] = {"chat_id": chat, "text": plain, "link_preview_options": {"is_disabled": True}}
    if entities:
        body["entities"] = entities
    if rows := list(_rows(buttons)):
        body["reply_markup"] = {"inline_keyboard": rows}
    return body


def _emphasised(text: str) -> tuple[str, list[dict[str, Any]]]:
    """Take the asterisks off `*names*`: the plain text and the entities that make them bold."""
    from telegram import MessageEntity

    plain, end, bold = "", 0, []
    for found in _BOLD.finditer(text):
        plain += text[end : found.start()]
        bold.append(MessageEntity(MessageEntity.BOLD, len(plain), len(found[1])))
        plain, end = plain + found[1], found.end()
    plain += text[end:]
    return plain, [entity.to_dict() for entity in MessageEntity.adjust_message_entities_to_utf_16(plain, bold)]


def _rows(buttons: Sequence[Button]) -> Iterator[list[dict[str, str]]]:
    """Up to three short buttons in a row, or a long one alone. What Telegram would refuse is left out."""
    told = [(without_surrogates(button.title).strip(), button.payload) for button in buttons]
    fit = [
        {"text": title, "callback_data": payload}
        for title, payload in told
        if title and 0 < len(payload.encode()) <= LONGEST_PAYLOAD
    ][:MOST_BUTTONS]
    longest = max((len(button["text"]) for button in fit), default=0)
    width = 1 if longest > 16 else 2 if longest > 10 else 3
    for start in range(0, len(fit), width):
        yield fit[start : start + width]


def _result(answer: httpx.Response) -> Any:
    told: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        told = answer.json()
    told = told if isinstance(told, dict) else {}
    if answer.is_success and told.get("ok") is True:
        return told.get("result")
    raise _error(answer.status_code, told)


def _error(code: int, told: Mapping[str, Any]) -> SendError:
    """What an answer other than yes means. Descriptions are not passed on: they may quote texts and chats."""
    details = told.get("parameters")
    details = details if isinstance(details, dict) else {}
    if code == 429:
        seconds = details.get("retry_after")
        return RetryAfter("too many messages", float(seconds) if isinstance(seconds, int | float) else 5.0)
    if not 400 <= code < 500:
        return Unknown(f"Telegram answered {code}")
    if told.get("ok") is not False:
        return RetryAfter(f"something before Telegram answered {code}", 30.0)
    if code in {401, 404}:
        return Misconfigured("Telegram does not know the token", 60.0)
    if code == 403:
        return Stopped("the person has blocked the bot or is gone")
    if "migrate_to_chat_id" in details:
        return Permanent("the group has moved to another chat id")
    reason = _REASON.search(_string(told.get("description")).lower())
    return Permanent(f"Telegram refused: {reason[0] if reason else f'error {code}'}")
