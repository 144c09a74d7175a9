"""What the assistant says to those who offer something: how to send it in, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.replies import Replies
from channels.contract import Button, Outgoing


class OfferReplies(Replies):
    """The sentences of one language about what providers send in."""

    def offer_how(self, form: str) -> Outgoing:
        """How to offer something. `form`: the link of the form, if there is one."""
        lines = [self._("You can offer a course, a resource or an organisation. A person looks at it first.")]
        if form:
            lines.append(self._("This is the form: {link}").format(link=self.run(form)))
        lines.append(
            self._(
                "Or write it here in one message: the name in the first line, then the link, what is taught, the "
                "languages, the countries and the cost."
            )
        )
        return Outgoing("\n".join(lines), (self.cancel_button(), self.person_button()))

    def offer_lacks(self, *, link: bool, topic: bool) -> Outgoing:
        """What is missing of what somebody offers."""
        lines = [
            *([self._("The link is missing. Please write it here.")] if link else []),
            *([self._("I cannot see what is taught. Please write it in a few words.")] if topic else []),
        ]
        return Outgoing("\n".join(lines), (self.cancel_button(), self.person_button()))

    def offer_exists(self, names: Sequence[str]) -> Outgoing:
        """What somebody offers may be there already."""
        lines = [self._("This exists already:"), *(f"• {self.run(name)}" for name in names)]
        another = Button(self._("It is another one"), "offer:another")
        return Outgoing("\n".join([*lines, self._("Is yours another one?")]), (another, self.cancel_button()))

    def offer_number(self, number: int) -> str:
        """What somebody sent in is kept."""
        text = self._("Thank you. What you sent has number {number}, and a person looks at it.")
        return text.format(number=self.run(str(number)))

    def offer_kept(self, number: int) -> Outgoing:
        """The same in a chat."""
        more = self._("The answer will come here. You can go on asking me meanwhile.")
        return Outgoing(f"{self.offer_number(number)}\n{more}")

    def offers_wait(self) -> Outgoing:
        """Somebody has sent in too much at once."""
        return Outgoing(self._("A person has to look at what you have sent already. Please send more after that."))

    def offer_left(self) -> Outgoing:
        """Nothing is offered after all."""
        return Outgoing(self._("All right, nothing was sent."))

    def cancel_button(self) -> Button:
        """Out of it again."""
        return Button(self._("Cancel"), "offer:cancel")

    def offer_state(self, number: int, state: str) -> str:
        """What has become of what somebody sent in. `state`: of a revision."""
        text = {
            "approved": self._("Number {number} is in the catalogue."),
            "refused": self._("Number {number} was not taken into the catalogue."),
        }.get(state, self._("Number {number} waits for a person to look at it."))
        return text.format(number=self.run(str(number)))

    def offer_subject(self, number: int) -> str:
        """The subject of mails about it."""
        return self._("What you sent to the catalogue: number {number}").format(number=number)

    def offer_link(self, link: str) -> str:
        """A mail with the link by which it is changed."""
        ignore = self._("If you have sent nothing, you can ignore this mail.")
        return "\n\n".join([self._("With this link you can change it later:"), link, ignore])

    def offer_taken(self, name: str) -> Outgoing:
        """What somebody sent in is in the catalogue."""
        return Outgoing(self._("“{name}” is in the catalogue now. Thank you!").format(name=self.run(name)))

    def offer_refused(self, name: str, reason: str | None) -> Outgoing:
        """What somebody sent in was not taken."""
        text = self._("“{name}” was not taken into the catalogue.").format(name=self.run(name))
        return Outgoing(f"{text} {self.run(reason)}" if reason else text)

    def still_right(self, name: str, number: int, link: str) -> Outgoing:
        """To whoever offered it: is it still right? `number`: under which they sent it; `link`: where it stands."""
        text = self._("Is what I tell people about “{name}” still right?").format(name=self.run(name))
        buttons = (
            Button(self._("Yes"), f"still:{number}.yes"),
            Button(self._("No longer"), f"still:{number}.ended"),
            Button(self._("Change it"), f"still:{number}.change"),
        )
        return Outgoing(f"{text}\n{self.in_it(link)}", buttons)

    def still_said(self, answer: str) -> Outgoing:
        """What follows from the answer `yes` or `ended`."""
        if answer == "yes":
            return Outgoing(self._("Thank you! People see that you have checked it today."))
        return Outgoing(self._("Thank you! Somebody looks at it; then it is no longer offered."))

    def offer_change(self, link: str) -> Outgoing:
        """How what was offered is changed."""
        text = self._("You can change it here. A person looks at it before anybody is told:")
        return Outgoing(f"{text}\n{self.in_it(link)}")

    def button_gone(self) -> Outgoing:
        """After a button under something that has changed since."""
        return Outgoing(self._("This button does not work any more."))
