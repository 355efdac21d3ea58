"""One resident in two chats: the code that joins them, what each learns of the other, how they part again.

The code is made and looked up outside; here stand its form, and what is said. It has no digit and no vowel, so that it
is never taken for an OTP (knowledge.secrets masks those), nor a word for it.
"""

import re

from msgspec.structs import replace

from bot.library import Library
from bot.model import (
    CaseMoved,
    ChatsJoined,
    Choice,
    CodeRead,
    CodeTyped,
    Conversation,
    Inbound,
    JoinAnswered,
    JoinAsked,
    JoinCode,
    Learned,
    Unjoined,
)
from bot.said import which_channels
from bot.walk import Walk

#: of these a code is made: consonants that no way of typing Vietnamese turns into something else (dd, w)
CODE_LETTERS = "BCFGHJKLMNPQRSTVXZ"
CODE_LENGTH = 6
#: "hmmmmm" is no code
LEAST_DIFFERENT = 4
_CODE = re.compile(rf"\s*([{CODE_LETTERS}]{{3}})[ .\-]?([{CODE_LETTERS}]{{3}})[\s.!]*", re.IGNORECASE | re.ASCII)
#: words that a chat answers by itself while the resident's case is open in another of theirs
_STAYS = frozenset({"menu", "start", "back", "stop", "forget", "bot", "again", "thanks", "hello", "join", "unjoin",
                    "notices_on", "notices_off", "aloud_on", "aloud_off"})  # fmt: skip


def code_in(text: str) -> str:
    """The code that the whole message is, in capitals; "" when it is none."""
    found = _CODE.fullmatch(text)
    code = (found[1] + found[2]).upper() if found else ""
    return code if len(set(code)) >= LEAST_DIFFERENT else ""


def continues_case(library: Library, conversation: Conversation, said: Inbound) -> bool:
    """Whether these words are for the team, when a case of this resident is open in another of their chats.

    Not so: buttons and commands, which are for the bot, and the answer to a step that waits here.
    """
    command = library.answers.command(said.text)
    if said.choice is not None or said.edited or command in _STAYS or code_in(said.text):
        return False
    return conversation.position is None or command in ("person", "queue")


class Joining(Walk):
    """What joining means for one of the chats. Every answer is a notice: it is true whoever holds the talk."""

    def join_words(self, said: Inbound, command: str | None) -> bool:
        """Words about joining, which work while the team holds the talk too. False when these are none."""
        if code := code_in(said.text):
            self.effects.append(CodeTyped(code=code))
        elif command == "join":
            self.effects.append(JoinAsked())
        elif command == "unjoin":
            self.unjoin()
        else:
            answer = self._join_answer(said) if self.c.held_by == "team" else ""
            if not answer:
                return False
            self.join_answered(answer)
        if self.before:
            self.reply("", notice=True)
        return True

    def _join_answer(self, said: Inbound) -> str:
        """ "yes" or "no" to the question whether to join, when it is what is on screen; else ""."""
        menu = self.c.menu
        if menu is None or not menu.choices[0].id.startswith("join:"):
            return ""
        pressed = [one for place, one in enumerate(menu.choices, 1) if said.choice == f"{menu.number}.{place}"]
        picked = pressed[0] if pressed else self.library.answers.pick(said.text, menu.choices)
        return picked.id.removeprefix("join:") if picked else ""

    def unjoin(self) -> None:
        if self.c.joined:
            self.effects.append(Unjoined())
        else:
            self.reply(self.phrases.not_joined, notice=True)

    def join_code(self, event: JoinCode) -> None:
        code = f"{event.code[:3]} {event.code[3:]}"
        self.reply(self.phrases.join_code.format(code=code, minutes=event.minutes), notice=True)

    def code_read(self, event: CodeRead) -> None:
        if event.found != "found":
            self.reply(getattr(self.phrases, f"join_{event.found}"), notice=True)
            return
        yes, no = (Choice(id=f"join:{how}", label=getattr(self.phrases, f"join_{how}")) for how in ("yes", "no"))
        self.reply(self.phrases.join_sure.format(channel=which_channels((event.channel,))), (yes, no), notice=True)

    def join_answered(self, how: str) -> None:
        self.c = replace(self.c, menu=None)
        self.effects.append(JoinAnswered(agreed=how == "yes"))
        if how != "yes":
            self.reply(self.phrases.join_dropped, notice=True)

    def chats_joined(self, event: ChatsJoined) -> None:
        """The resident's other chats are others than before."""
        more = len(event.others) > len(self.c.joined)
        left = which_channels(self.c.joined)
        self.c = replace(
            self.c, joined=event.others, place=self.c.place or event.place, consent=self.c.consent or event.consent
        )
        self.note("joined" if more else "unjoined")
        if more:
            self.reply(self.phrases.joined.format(channels=which_channels(event.others)), notice=True)
        else:
            self.reply(self.phrases.unjoined.format(channels=left), notice=True)

    def learned(self, event: Learned) -> None:
        """Said in another chat of theirs, so known here as well; nothing is said about it."""
        self.c = replace(
            self.c, place=event.place or self.c.place, consent=event.consent or self.c.consent,
            notices=event.notices or self.c.notices,
        )  # fmt: skip

    def case_moved(self, event: CaseMoved) -> None:
        """Their open case goes on in this chat; or, with "none", in another of theirs, which is not worth a word."""
        if event.case == "none":
            if self.c.case != "none":
                self.c = replace(self.c, held_by="bot", epoch=self.c.epoch + 1, case="none", acked_at=None, menu=None)
            return
        self.pause()
        self.c = replace(self.c, held_by="team", epoch=self.c.epoch + 1, case=event.case, acked_at=self.now, menu=None)
        self.reply(self.phrases.case_here.format(channel=which_channels((event.channel,))), notice=True)
