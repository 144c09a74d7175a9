"""Addresses at rest: sealed, found again, and safe from a lost key's confusion."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from store import contacts
from store.database import Database
from store.vault import Vault, WrongKey, keep_secret

OLD, NEW = "the old secret, longer than thirty-two letters", "the new secret, longer than thirty-two letters"


def test_an_address_is_sealed_differently_each_time_and_opens_again() -> None:
    vault = Vault([OLD])
    once, again = vault.seal("+254700000000"), vault.seal("+254700000000")

    assert once != again
    assert "254700000000" not in once
    assert vault.open(once) == vault.open(again) == "+254700000000"


def test_another_secret_opens_nothing_and_finds_nothing() -> None:
    with pytest.raises(WrongKey):
        Vault([NEW]).open(Vault([OLD]).seal("somebody"))
    assert Vault([OLD]).digests("web", "somebody") != Vault([NEW]).digests("web", "somebody")


def test_the_same_address_on_two_channels_is_two_contacts() -> None:
    assert Vault([OLD]).digests("web", "1") != Vault([OLD]).digests("telegram", "1")


def test_while_secrets_rotate_old_contacts_are_found_and_sealed_anew(database: Database) -> None:
    with database.write() as session:
        contact, _ = contacts.meet(session, Vault([OLD]), "web", "somebody")
        contacts.check_key(session, Vault([OLD]))

    both = Vault([NEW, OLD])
    with database.write() as session:
        assert contacts.find(session, both, "web", "somebody") is not None
        contacts.check_key(session, both)
        assert contacts.reseal(session, both) == 1

    with database.write() as session:  # the old one can be retired now
        found = contacts.find(session, Vault([NEW]), "web", "somebody")
        assert found is not None
        assert found.id == contact.id
        contacts.check_key(session, Vault([NEW]))


def test_a_wrong_key_is_noticed_before_anything_is_done(database: Database) -> None:
    with database.write() as session:
        contacts.check_key(session, Vault([OLD]))

    with pytest.raises(WrongKey), database.write() as session:
        contacts.check_key(session, Vault([NEW]))


def test_a_secret_that_nobody_set_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"

    assert keep_secret(path) == keep_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(list(path.parent.iterdir())) == 1


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Vault(["short"])
