"""What is set, what is missing, and what to do about it."""

from __future__ import annotations

from bot.assembly import Assembly
from bot.settings import Settings
from store import builds, catalogue, inbox, outbox, tickets
from store.database import NewerTables
from store.vault import WrongKey


def report(settings: Settings) -> tuple[list[str], bool]:
    """Lines to print, and whether everything that must work does."""
    lines = ["Settings", *_settings(settings), "", "State"]
    assembly = Assembly(settings)
    try:
        assembly.prepare()
        assembly.stock()
    except WrongKey:
        return [*lines, "✗ the secret key is not the one this database was made with: put the old one back"], False
    except NewerTables as error:
        return [*lines, f"✗ {error}"], False
    except Exception as error:  # whatever the database's driver raises
        return [*lines, f"✗ the database does not answer ({type(error).__name__}): check DALIL_DATABASE_URL"], False
    found, fine = _state(assembly)
    return [*lines, *found], fine


def _settings(settings: Settings) -> list[str]:
    lines = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = "(set)" if "Secret" in repr(value) else "–" if value in (None, (), {}) else _plain(value)
        mark = "set" if name in settings.model_fields_set else "default"
        lines.append(f"  DALIL_{name.upper():19} {shown:20} {mark:8} {field.description}")
    return lines


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _channels(settings: Settings) -> list[str]:
    """Which channels with a provider are set up, and what is missing where somebody has begun."""
    needed = {
        "WhatsApp": ("twilio_account_sid", "twilio_auth_token", "twilio_from", "public_url"),
        "Telegram": ("telegram_token", "telegram_secret", "public_url"),
    }
    lines = []
    for channel, names in needed.items():
        missing = [f"DALIL_{name.upper()}" for name in names if not getattr(settings, name)]
        begun = any(getattr(settings, name) for name in names if name != "public_url")
        if begun and missing:
            lines.append(f"! {channel} is not complete: set {', '.join(missing)}")
        elif begun:
            lines.append(f"✓ {channel} calls {settings.public}/channels/{channel.lower()}")
    return lines or ["! no WhatsApp and no Telegram: people reach this by the page only (docs/channels.md)"]


def _state(assembly: Assembly) -> tuple[list[str], bool]:
    with assembly.database.read() as session:
        kinds = catalogue.summary(session)
        unchecked, total = len(catalogue.unchecked(session)), sum(kinds.values())
        build, waiting = builds.published(session), inbox.waiting(session)
        counts, requests = outbox.counts(session), tickets.count_open(session)
        dead_letters, doubts = outbox.dead(session), outbox.doubts(session)
    lines = [
        "✓ the database answers",
        f"✓ {total} records: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())),
    ]
    if unchecked:
        lines.append(f"! {unchecked} records are not yet checked: `dalil catalogue review` walks through them")
    if build:
        lines.append(f"✓ build {build.id} of the index, {build.entries} entries")
    else:
        lines.append("! there is no index yet: `dalil serve` or `dalil ingest` builds it")
    lines.append(f"{'✓' if waiting == 0 else '!'} {waiting} messages wait for an answer")
    if dead := counts.get("dead", 0):
        lines.append(f"! {dead} messages could not be delivered")
        lines += [f"    number {number}: {why}" for number, why in dead_letters]
    if parked := counts.get("parked", 0):
        lines.append(f"! {parked} messages wait until the person writes again (the channel's 24 hours are over)")
    if doubts:
        lines.append(f"! {doubts} messages had an outcome that nobody knows; these may have arrived twice")
    lines += _channels(assembly.settings)
    lines.append(f"{'✓' if requests == 0 else '!'} {requests} open requests: `dalil tickets list`")
    if not assembly.settings.public_url:
        lines.append("! DALIL_PUBLIC_URL is not set: the page works on this machine only")
    elif not assembly.settings.proxies:
        lines.append("! DALIL_PROXIES is not set: behind a proxy everybody seems to come from one network")
    if not assembly.settings.helpline:
        lines.append("! DALIL_HELPLINE is not set: people in distress are told of no helpline")
    if not assembly.settings.officer_hours:
        lines.append("! DALIL_OFFICER_HOURS is not set: no time of answer is promised")
    return lines, bool(total)
