"""That the double is as strict as Twilio."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi import Request as Call

from channels.contract import (
    Request,
    Status,
)
from channels.whatsapp import WhatsAppChannel
from tests.channels.whatsapp import ADA, connect, send, served, wait_for
from tests.servers.twilio import ACCOUNT, NUMBER, PUBLIC, TOKEN, Callbacks, Twilio


class TestTheDouble:
    def test_signs_its_callbacks_and_sends_them_to_the_webhook(self, twilio: Twilio, channel: WhatsAppChannel) -> None:
        taken: list[Any] = []
        app = FastAPI()

        @app.post("/channels/whatsapp")
        async def take(call: Call) -> None:
            url = PUBLIC + call.url.path + (f"?{call.url.query}" if call.url.query else "")
            taken.extend(channel.parse(Request(url, await call.body(), dict(call.headers))))

        with served(app) as address, Twilio(webhook=address).serving() as calling:
            calling.tell(Callbacks(delay=(0, 0.05), copies=2))
            ada = calling.person()
            calling.deliver([ada.says("one"), ada.says("two")], copies=2)
            send(connect(calling, timeout=5.0))
            wait_for(lambda: len(taken) == 8)

        assert sum(isinstance(entry, Status) for entry in taken) == 4

    def test_knows_only_its_own_account_and_paths(self, twilio: Twilio) -> None:
        own, other = (ACCOUNT, TOKEN), (ACCOUNT, "wrong")
        path = f"{twilio.url}/2010-04-01/Accounts"

        assert httpx.get(f"{path}/{ACCOUNT}/Messages.json", auth=other).status_code == 401
        assert httpx.get(f"{path}/AC1/Messages.json", auth=own).status_code == 404
        assert httpx.get(f"{path}/{ACCOUNT}/Messages.json", auth=own).status_code == 200
        assert httpx.get(f"{twilio.url}/v3/Anything", auth=own).status_code == 404

    def test_tells_of_one_message(self, twilio: Twilio, channel: WhatsAppChannel) -> None:
        twilio.person()
        receipt = send(channel)
        url = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT}/Messages/{receipt.external_id}.json"

        assert httpx.get(url, auth=(ACCOUNT, TOKEN)).json()["status"] == "delivered"

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            ({"Body": "a" * 1601}, 21617),
            ({"Body": ""}, 21602),
            ({"Body": "a", "To": "whatsapp:0700"}, 21211),
            ({"Body": "a", "From": "whatsapp:+1"}, 63007),
            ({"Body": "a", "StatusCallback": "nowhere"}, 21609),
            ({"Body": "a", "Colour": "red"}, 20001),
            ({"ContentSid": "HX1"}, 21655),
        ],
    )
    def test_refuses_what_twilio_refuses(self, twilio: Twilio, told: dict[str, str], code: int) -> None:
        twilio.person()
        url = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        answer = httpx.post(url, auth=(ACCOUNT, TOKEN), data={"To": ADA, "From": NUMBER} | told)

        assert (answer.status_code, answer.json()["code"]) == (400, code)
