"""Contacts and their conversations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Select, Update, bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.database import insert_new
from store.desk_tables import Officer, ReferralAddress
from store.source_tables import Revision
from store.tables import Contact, Conversation, KeyCheck, Moment
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
    language: str | None = None
    origin: str | None = None
    new: bool = False
    """This transaction has made the contact: nobody else knows of it yet."""


Person = tuple[str, str]
"""Channel and address."""


def meet_all(session: Session, vault: Vault, people: Collection[Person]) -> dict[Person, Met]:
    """The contacts of many people at once, made where it is their first message."""
    digests = {person: vault.digests(*person) for person in people}
    met = _met(session, digests)
    if new := {person: of[0] for person, of in digests.items() if person not in met}:
        met |= _create_all(session, vault, new)
    if missed := {person: of for person, of in digests.items() if person not in met}:  # another process was faster
        met |= _met(session, missed)
    return met


def _met(session: Session, digests: Mapping[Person, list[str]]) -> dict[Person, Met]:
    of = {(person[0], digest): person for person, several in digests.items() for digest in several}
    wanted = {"channels": sorted({channel for channel, _ in of}), "digests": [digest for _, digest in of]}
    rows = session.connection().execute(_find_all(), wanted)
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
    wanted = Contact.address_digest.in_(bindparam("digests", expanding=True))
    # The index begins with the channel: without it every contact there is would be looked at.
    return found.where(Contact.channel.in_(bindparam("channels", expanding=True)), wanted)


def _create_all(session: Session, vault: Vault, new: Mapping[Person, str]) -> dict[Person, Met]:
    """Make contacts, in one order everywhere, so that no two processes wait for each other; one may be faster."""
    rows = [
        {"channel": channel, "address_digest": digest, "address_sealed": vault.seal(address)}
        for (channel, address), digest in sorted(new.items(), key=lambda entry: entry[1])
    ]
    of = {(channel, digest): (channel, address) for (channel, address), digest in new.items()}
    connection = session.connection()
    made = connection.execute(insert_new(session, Contact, "id", "channel", "address_digest"), rows).all()
    if not made:
        return {}
    whose = {contact_id: of[channel, digest] for contact_id, channel, digest in made}
    talks = [{"contact_id": contact_id, "context": {}} for contact_id in whose]
    threads = connection.execute(insert_new(session, Conversation, "contact_id", "id"), talks)
    return {whose[contact_id]: Met(contact_id, talk, new=True) for contact_id, talk in threads}


def seen(session: Session, contact_ids: Collection[int], moment: datetime) -> None:
    """They have written: whoever had asked to be forgotten is somebody new."""
    session.connection().execute(_seen(), {"ids": sorted(contact_ids), "moment": moment})


@cache
def _seen() -> Update:
    wrote = update(Contact).where(Contact.id.in_(bindparam("ids", expanding=True)))
    return wrote.values(seen_at=bindparam("moment", type_=Moment), erased_at=None)


def learn(session: Session, field: str, of: Mapping[int, str]) -> None:
    """Write down what was not known of some contacts: their `language`, or their `origin`."""
    column, alike = getattr(Contact, field), defaultdict[str, list[int]](list)
    for contact_id, value in sorted(of.items()):
        alike[value].append(contact_id)
    for value, contact_ids in alike.items():
        unknown = update(Contact).where(Contact.id.in_(contact_ids), column.is_(None))
        session.execute(unknown.values({field: value}).execution_options(synchronize_session=False))


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
