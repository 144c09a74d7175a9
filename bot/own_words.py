"""What people are told in their own language though we may not write it yet.

`locales.messages check` wants every sentence of this file in `locales.UNDERSTOOD` too, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence

from channels.contract import Button, Outgoing
from locales import LANGUAGES, UNDERSTOOD, translations
from retrieval.places import language_name


class OwnWords:
    """The sentences for somebody who writes `code` and is answered in `language`."""

    def __init__(self, code: str, language: str) -> None:
        self._code, self._language = code, language
        self._own = code if code in UNDERSTOOD else language
        self._gettext = translations(self._own)

    def _(self, message: str) -> str:
        return self._gettext.gettext(message)

    def not_spoken(self) -> str:
        """The line before an answer that is not in their language."""
        text = self._("I cannot write {language} yet, so I answer in {mine}.")
        return text.format(language=language_name(self._code, self._own), mine=language_name(self._language, self._own))

    def ask(self, shared: Sequence[str]) -> Outgoing:
        """Which of the languages that we write they read best."""
        text = self._("Which of these languages do you read best? For others write /language.")
        buttons = tuple(Button(LANGUAGES[code].name, f"language:{code}") for code in shared)
        return Outgoing("\n".join([text, *(f"• {button.title}" for button in buttons)]), buttons)

    def in_danger(self) -> list[str]:
        """To a person in distress, before anything else."""
        return [
            self._("What you write worries me, and you should not be alone with it. I am only an automatic assistant."),
            self._(
                "If you are in danger now, please call the emergency number of your country or go to someone you trust."
            ),
        ]
