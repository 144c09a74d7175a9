"""Contacts and their conversations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.database import insert
from store.desk_tables import Officer, ReferralAddress
from store.source_tables import Revision
from store.tables import Contact, Conversation, KeyCheck
from store.vault import Vault, WrongKey

_CHECK = "dalil"


def find(session: Session, vault: Vault, channel: str, address: str) -> Contact | None:
    """The contact at an address, if there is one."""
    query = select(Contact).where(
        Contact.channel == channel, Contact.address_digest.in_(vault.digests(channel, address))
    )
    return session.scalars(query).first()


def meet(session: Session, vault: Vault, channel: str, address: str) -> tuple[Contact, Conversation]:
    """The contact at an address and their conversation, made at their first message."""
    contact = find(session, vault, channel, address)
    if contact is None:
        contact = _create(session, vault, channel, address)
    return contact, conversation_of(session, contact.id)


@dataclass(frozen=True, slots=True)
class Met:
    """What is to be known of somebody who writes."""

    id: int
    conversation_id: int
    language: str | None
    origin: str | None


Person = tuple[str, str]
"""Channel and address."""


def meet_all(session: Session, vault: Vault, people: Collection[Person]) -> dict[Person, Met]:
    """The contacts of many people at once, made where it is their first message."""
    digests = {person: vault.digests(*person) for person in people}
    met = _met(session, digests)
    if new := {person: of for person, of in digests.items() if person not in met}:
        _create_all(session, vault, new)
        met |= _met(session, new)
    return met


def _met(session: Session, digests: Mapping[Person, list[str]]) -> dict[Person, Met]:
    of = {(person[0], digest): person for person, several in digests.items() for digest in several}
    wanted = [digest for _, digest in of]
    rows = session.execute(_find_all(), {"digests": wanted})
    return {
        of[channel, digest]: Met(contact_id, conversation_id, language, origin)
        for channel, digest, contact_id, conversation_id, language, origin in rows
        if (channel, digest) in of
    }


@cache
def _find_all() -> Select[str, str, int, int, str | None, str | None]:
    """The statement, built once: building it takes longer than running it."""
    found = select(
        Contact.channel, Contact.address_digest, Contact.id, Conversation.id, Contact.language, Contact.origin
    ).join(Conversation, Conversation.contact_id == Contact.id)
    return found.where(Contact.address_digest.in_(bindparam("digests", expanding=True)))


def _create_all(session: Session, vault: Vault, new: Mapping[Person, list[str]]) -> None:
    """Make contacts, in one order everywhere, so that no two processes wait for each other; one may be faster."""
    rows = [
        {"channel": channel, "address_digest": digests[0], "address_sealed": vault.seal(address)}
        for (channel, address), digests in sorted(new.items(), key=lambda entry: entry[1][0])
    ]
    made = session.scalars(insert(session, Contact).on_conflict_do_nothing().returning(Contact.id), rows).all()
    if made:
        threads = [{"contact_id": contact_id, "context": {}} for contact_id in made]
        session.execute(insert(session, Conversation).on_conflict_do_nothing(), threads)


def seen(session: Session, contact_ids: Collection[int], moment: datetime) -> None:
    """They have written: whoever had asked to be forgotten is somebody new."""
    wrote = update(Contact).where(Contact.id.in_(sorted(contact_ids)))
    session.execute(wrote.values(seen_at=moment, erased_at=None).execution_options(synchronize_session=False))


def learn(session: Session, field: str, of: Mapping[int, str]) -> None:
    """Write down what was not known of some contacts: their `language`, or their `origin`."""
    column = getattr(Contact, field)
    for contact_id, value in sorted(of.items()):
        session.execute(update(Contact).where(Contact.id == contact_id, column.is_(None)).values({field: value}))


def _create(session: Session, vault: Vault, channel: str, address: str) -> Contact:
    contact = Contact(
        channel=channel, address_digest=vault.digests(channel, address)[0], address_sealed=vault.seal(address)
    )
    try:
        with session.begin_nested():
            session.add(contact)
            session.flush()
            session.add(Conversation(contact_id=contact.id, context={}))
    except IntegrityError:  # their first two messages came in at once
        session.expunge_all()
        found = find(session, vault, channel, address)
        if found is None:
            raise
        return found
    return contact


def conversation_of(session: Session, contact_id: int) -> Conversation:
    """The conversation of a contact."""
    return session.scalars(select(Conversation).where(Conversation.contact_id == contact_id)).one()


def of_conversation(session: Session, conversation_id: int) -> Contact:
    """The contact whose conversation it is."""
    query = select(Contact).join(Conversation, Conversation.contact_id == Contact.id)
    return session.scalars(query.where(Conversation.id == conversation_id)).one()


def check_key(session: Session, vault: Vault) -> None:
    """Make sure that the data were sealed with this key; on an empty database, remember it. Raises `WrongKey`."""
    check = session.get(KeyCheck, _CHECK)
    if check is None:
        session.add(KeyCheck(name=_CHECK, sealed=vault.seal(_CHECK)))
    elif vault.open(check.sealed) != _CHECK:
        raise WrongKey("sealed with another secret key")


def reseal(session: Session, vault: Vault) -> int:
    """Seal every address with the key in use, so that older ones can be retired. Gives how many changed.

    Who was met under both keys keeps two contacts; the older one is left as it is.
    """
    changed = 0
    taken = set(map(tuple, session.execute(select(Contact.channel, Contact.address_digest))))
    for contact in session.scalars(select(Contact)):
        address = vault.open(contact.address_sealed)
        digest = vault.digests(contact.channel, address)[0]
        if contact.address_digest != digest and (contact.channel, digest) not in taken:
            contact.address_digest, contact.address_sealed = digest, vault.seal(address)
            changed += 1
    changed += _reseal_others(session, vault)
    check = session.get(KeyCheck, _CHECK)
    if check is not None:
        check.sealed = vault.seal(_CHECK)
    return changed


def _reseal_others(session: Session, vault: Vault) -> int:
    """What else is sealed: secrets of officers' one-time codes, addresses of providers and of who sent something in."""
    officers = session.scalars(select(Officer).where(Officer.totp_sealed.is_not(None))).all()
    addresses = session.scalars(select(ReferralAddress)).all()
    for officer in officers:
        officer.totp_sealed = vault.seal(vault.open(officer.totp_sealed or ""))
    for address in addresses:
        address.address_sealed = vault.seal(vault.open(address.address_sealed))
    senders = session.scalars(select(Revision).where(Revision.email_sealed.is_not(None))).all()
    for sender in senders:
        sender.email_sealed = vault.seal(vault.open(sender.email_sealed or ""))
    return len(officers) + len(addresses) + len(senders)
