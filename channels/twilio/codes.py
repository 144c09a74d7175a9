"""What Twilio's refusals mean, as answers to a call and as reasons in a callback."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import httpx

from channels.contract import Misconfigured, OutsideWindow, Permanent, RetryAfter, SendError, Stopped, Unknown

# Each code has a page: https://www.twilio.com/docs/api/errors; WhatsApp's own codes behind them:
# https://www.twilio.com/docs/whatsapp/api/error-code-mapping. What is named nowhere here will never be accepted:
# dead addresses (63003, 63024, 21211), texts that are too long (21617, 21658).
_STOPPED = {
    21610,  # STOP was written, and Twilio keeps to it
    63014,  # we were blocked
}
_OUTSIDE = {
    63015,  # the sandbox has forgotten the person: they must join again
    63016,
    63032,  # WhatsApp holds the message back, and forbids a quick retry …
    63049,  # … so it waits until the person writes again
}
_BACK_OFF = {
    20429,  # too many calls; none that met it took effect
    21611,  # ten hours' worth of messages wait already
    63017,
    63018,  # too many messages, for Twilio or for WhatsApp
    63009,
    63010,
    63012,  # a fault of Twilio's or of WhatsApp's own
}
_OPERATOR = {
    10001,
    20003,
    20403,
    30002,  # the account is suspended or its token is none
    21408,  # the country is not allowed in the account's settings
    21606,
    63001,
    63002,
    63007,
    63008,  # the sender is not known, not approved or not set up
    30454,
    63038,  # the day's messages are used up
    63020,
    63022,  # Meta's account behind the sender is restricted
}
_CONTENT_REFUSED = {63005, 63006, 63013, 63021, 63028, 63030}
"""By callback: WhatsApp would not have the content. The text alone it may have."""
_OPERATOR_WAIT = 300.0


def meaning(code: int, *, rich: bool = False) -> SendError:
    """What one of Twilio's codes means; `rich`: for a message that had buttons."""
    if code in _STOPPED:
        return Stopped(f"the person has blocked us or written STOP ({code})")
    if code in _OUTSIDE:
        return OutsideWindow(f"WhatsApp takes it when the person has written again ({code})")
    if code in _BACK_OFF:
        return RetryAfter(f"too many messages, or a fault of WhatsApp's ({code})", 60.0)
    if code in _OPERATOR:
        return Misconfigured(f"the operator must see to the account or the sender at Twilio ({code})", _OPERATOR_WAIT)
    if rich and code in _CONTENT_REFUSED:
        return RetryAfter(f"WhatsApp refused the buttons ({code})", 0.0)
    return Permanent(f"Twilio refused it ({code})")


def refusal(answer: httpx.Response) -> SendError:
    """What an answer other than yes means. Twilio's words are not passed on: they quote numbers and texts."""
    code, status = _code(answer), answer.status_code
    if status == 429 or code in _BACK_OFF:
        return RetryAfter("too many messages", _seconds(answer.headers.get("retry-after", "")))
    if status == 401:
        return Misconfigured("the operator must see to it: Twilio does not accept the account or its auth token", 60.0)
    if not 400 <= status < 500 or status == 408:
        return Unknown(f"Twilio answered {status}")
    if code is None:
        return RetryAfter(f"something before Twilio answered {status}", 30.0)
    return meaning(code)


def _code(answer: httpx.Response) -> int | None:
    told: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        told = answer.json()
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, int) else None


def _seconds(header: str) -> float:
    return min(float(header), 3600.0) if re.fullmatch(r"\d{1,9}(\.\d+)?", header) else 5.0
