"""WhatsApp's templates: the invitation to write back, in every language that we speak."""

from __future__ import annotations

import click

from bot.assembly import Assembly
from bot.replies import Replies
from channels.twilio.templates import Templates
from channels.whatsapp import WhatsAppChannel
from locales import LANGUAGES


async def show(assembly: Assembly, *, create: bool = False) -> list[str]:
    """Lines about the templates that exist; `create` makes the missing ones first. Raises a `SendError`."""
    channel = assembly.providers.get(WhatsAppChannel.name)
    if not isinstance(channel, WhatsAppChannel):
        raise click.ClickException(
            "WhatsApp is not set up: set DALIL_TWILIO_ACCOUNT_SID, DALIL_TWILIO_AUTH_TOKEN and DALIL_TWILIO_FROM"
        )
    templates = Templates(channel.api)
    try:
        if create:
            there = {template.language for template in await templates.all()}
            for code in LANGUAGES.keys() - there:
                await templates.submit(await templates.create(code, Replies(code).invitation()))
        found = await templates.all()
    finally:
        await channel.close()
    missing = [code for code in LANGUAGES if code not in {template.language for template in found}]
    lines = [f"{t.language:3} {t.sid:36} {t.approval:12} {t.body}" for t in found]
    if missing:
        lines.append(f"missing: {', '.join(missing)}; `dalil templates --create` makes them")
    if approved := [f"{t.language}={t.sid}" for t in found if t.approval == "approved"]:
        lines.append(f"\nDALIL_TWILIO_TEMPLATES={','.join(approved)}")
    return lines
