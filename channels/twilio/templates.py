"""The templates that invite people to write again: what `dalil templates` shows and makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from channels.twilio.api import ALL, Api

INVITATION = "dalil_invite_"
"""Templates that ask people to write again are called this and their language."""


@dataclass(frozen=True, slots=True)
class Template:
    """An invitation as Twilio has it."""

    language: str
    sid: str
    body: str
    approval: str
    """`unsubmitted`, `received`, `pending`, `approved`, `rejected` …; only what is approved can be sent."""


class Templates:
    """The invitations. Everything raises a `SendError`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def all(self) -> list[Template]:
        """Those that exist, by language."""
        listed = self._api.call(lambda client: client.content.v1.content_and_approvals.list_async(**ALL))
        ours = [entry for entry in await listed if str(entry.friendly_name).startswith(INVITATION)]
        return sorted((_template(entry) for entry in ours), key=lambda template: template.language)

    async def create(self, language: str, body: str) -> Template:
        """Make the invitation of a language. WhatsApp does not know it before `submit`."""
        types = {"twilio/text": {"body": body}}
        sid = await self._api.create_content(_name(language), language.replace("-", "_"), types)
        return Template(language, sid, body, "unsubmitted")

    async def submit(self, template: Template) -> str:
        """Ask WhatsApp to approve a template; gives the state of that."""
        from twilio.rest.content.v1.content.approval_create import ApprovalCreateList  # type: ignore[import-untyped]

        told = {"name": _name(template.language), "category": "UTILITY"}
        request = ApprovalCreateList.ContentApprovalRequest(told)
        asked = await self._api.call(
            lambda client: client.content.v1.contents(template.sid).approval_create.create_async(request)
        )
        return str(asked.status)


def _name(language: str) -> str:
    return INVITATION + language.replace("-", "_").lower()


def _template(entry: Any) -> Template:
    types = entry.types if isinstance(entry.types, dict) else {}
    body = next((str(value.get("body", "")) for value in types.values() if isinstance(value, dict)), "")
    approval = entry.approval_requests if isinstance(entry.approval_requests, dict) else {}
    language = str(entry.language).replace("_", "-")
    return Template(language, str(entry.sid), body, str(approval.get("status") or "unsubmitted"))
