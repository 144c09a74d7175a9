"""Contacts and their conversations."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.desk_tables import Officer, ReferralAddress
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
    """What else is sealed: the secrets of officers' one-time codes, providers' referral addresses."""
    officers = session.scalars(select(Officer).where(Officer.totp_sealed.is_not(None))).all()
    addresses = session.scalars(select(ReferralAddress)).all()
    for officer in officers:
        officer.totp_sealed = vault.seal(vault.open(officer.totp_sealed or ""))
    for address in addresses:
        address.address_sealed = vault.seal(vault.open(address.address_sealed))
    return len(officers) + len(addresses)
