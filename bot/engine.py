"""The heart: every transition of a conversation lives in this file.

    advance(library, conversation, event, now) -> Turn(conversation, effects)

Pure: the same four arguments give the same Turn. What a message means is decided in this order: words that always
work, the team (while it holds the talk), the awaited answer, a stuck sign of this step, another question, repair.
Here is what an event means; walk.py is what a step does.
"""

import re
from datetime import datetime, timedelta
from typing import assert_never

from msgspec.structs import replace

from bot import menu
from bot.answers import is_of_writing
from bot.capabilities import CHANNELS
from bot.flow import Ask, Check, Choose, Do, Flow, Go, Waiting
from bot.joining import Joining
from bot.library import INTAKE, Library
from bot.model import (
    CaseClosed,
    CaseMoved,
    CasePassed,
    CaseTaken,
    CaseWaits,
    ChatsJoined,
    Choice,
    CodeRead,
    Conversation,
    CourseOpened,
    Crashed,
    ErasedElsewhere,
    Event,
    Forget,
    HandedBack,
    Inbound,
    JoinCode,
    Learned,
    LeaveCase,
    MemberSaid,
    Menu,
    Missed,
    NoticeDue,
    NoticeMet,
    Notices,
    Position,
    QueueAsked,
    QueuePlace,
    Relay,
    Remember,
    StepShown,
    TakenOver,
    Turn,
    WaitExpired,
    Withdrawn,
)
from bot.pieces import pieces
from bot.said import when_promised, which_channels, which_secrets

#: characters kept of words that were not understood
MOST_KEPT = 500
#: a second press of the same button within this time is the same wish
DOUBLE_PRESS = timedelta(seconds=10)
#: with so few words beside a masked code or password, nothing else was said
MOST_BESIDE_SECRET = 6
#: what is masked in messages that only hand a secret over; a number can also be part of a question
_BARE_SECRETS = frozenset({"otp", "password", "cvv"})
_MASK = re.compile(r"\[đã che [^\]]*\]")
#: a waiting resident is told again that their words are kept after so long
ACK_AGAIN = timedelta(minutes=5)


def advance(library: Library, conversation: Conversation, event: Event, now: datetime) -> Turn:
    """The next state of a conversation, and what to do about it. Never raises on anything a resident may send."""
    talk = _Talk(library, conversation, now)
    match event:
        case Inbound():
            talk.hear(event)
        case WaitExpired():
            if not talk.is_due(event):
                return Turn(conversation=conversation, effects=())
            talk.remind()
        case CaseTaken():
            talk.taken(event)
        case CaseWaits():
            talk.waits(event)
        case QueuePlace():
            talk.queue_place(event)
        case MemberSaid():
            talk.reply(f"{event.member}: {event.text}", attachments=event.attachments, author="member", notice=True)
        case CaseClosed():
            talk.closed(event)
        case CasePassed():
            talk.passed(event)
        case StepShown():
            talk.step_shown(event)
        case HandedBack():
            talk.handed_back(event)
        case TakenOver():
            talk.taken_over()
        case Withdrawn():
            talk.erase()
        case JoinCode():
            talk.join_code(event)
        case CodeRead():
            talk.code_read(event)
        case ChatsJoined():
            talk.chats_joined(event)
        case Learned():
            talk.learned(event)
        case CaseMoved():
            talk.case_moved(event)
        case ErasedElsewhere():
            talk.erase()
            talk.reply(talk.phrases.erased_elsewhere, notice=True)
        case NoticeDue():
            talk.notice(event)
            return Turn(conversation=conversation, effects=tuple(talk.effects))
        case CourseOpened():
            talk.course(event)
        case Crashed():
            talk.crashed(event)
        case _:
            assert_never(event)
    return talk.turn()


class _Talk(Joining):
    """What an event means, on top of how a flow is walked and how chats are joined."""

    # --- hearing -----------------------------------------------------------------------------------------------

    def hear(self, said: Inbound) -> None:
        self.text = said.text
        if said.secrets and (not self.c.warned or (self.c.held_by == "bot" and _only_secret(said))):
            self.before.append(self.phrases.secret_warning.format(kinds=which_secrets(said.secrets)))
            self.c = replace(self.c, warned=True)
        command = self._command(said.text)
        first = not self.c.greeted
        if first:
            self.c = replace(self.c, greeted=True)
        if first and self.c.held_by == "bot":
            self.before.insert(0, self.phrases.greeting)
            self.note("first_contact")
        if said.edited and self.c.held_by == "bot":
            self.reply(self.phrases.edited)
        elif self.join_words(said, command):
            return
        elif self.c.held_by == "team":
            self.to_team(said, command)
        elif said.choice is not None:
            self.pressed(said.choice)
        elif command is not None:
            self.command(command, said.text)
        else:
            self.answered(said)

    def _command(self, text: str) -> str | None:
        """The words that always work, and two that do only where they can mean nothing else."""
        name = self.library.answers.command(text)
        if name == "queue" and self.c.case != "waiting":
            return None
        if name == "not_done" and (self.c.position is not None or not self._is_just_closed()):
            return None
        return name

    def to_team(self, said: Inbound, command: str | None) -> None:
        """The team holds the talk: the bot is mute, but for the words that lead back to it."""
        if command in ("bot", "menu", "start") or said.choice == "bot":
            self.leave_team()
            return
        if command in ("stop", "forget"):
            self.leave_team(quiet=True)
            self.command(command, said.text)
            return
        if command == "queue" and self.c.case == "waiting":
            self.effects.append(QueueAsked())
            return
        if command in ("notices_on", "notices_off"):
            self.want_notices(command == "notices_on")
            return
        if command in ("aloud_on", "aloud_off"):
            self.want_aloud(command == "aloud_on")
            return
        shown = self._shown(said)
        if shown or said.attachments:
            text = f"(sửa lại) {shown}" if said.edited else shown
            self.effects.append(Relay(text=text, attachments=said.attachments, reply_to=said.reply_to or ""))
        elif said.choice is None:
            self.reply(self.phrases.not_carried, notice=True)
            return
        recently = self.c.acked_at is not None and self.now - self.c.acked_at < ACK_AGAIN
        if self.c.case == "waiting" and not recently:
            self.c = replace(self.c, acked_at=self.now)
            self.reply(self.phrases.waiting_ack, notice=True)
        elif self.before:
            self.reply("", notice=True)

    def _shown(self, said: Inbound) -> str:
        """What a member reads of a message: words, the label of a button, a pin as the commune it lies in."""
        if said.point is not None:
            return f"(vị trí gần {self.library.gazetteer.near(said.point.lat, said.point.lon, 1)[0].name})"
        phone = said.contact.phone if said.contact else ""
        return said.text or phone or (self._label(said.choice) if said.choice else "")

    def leave_team(self, *, quiet: bool = False) -> None:
        waiting = self.c.case == "waiting"
        self.c = replace(self.c, held_by="bot", epoch=self.c.epoch + 1, case="waiting" if waiting else "none")
        if not waiting or quiet:
            self.effects.append(LeaveCase())
            self.c = replace(self.c, case="none")
        if not quiet:
            self.before.append(self.phrases.still_waiting if waiting else self.phrases.left_team)
            self.offer_to_go_on()

    def command(self, name: str, text: str) -> None:
        match name:
            case "menu" | "start":
                self.start_or_menu(text)
            case "back":
                self.back()
            case "person":
                self.call_person()
            case "stop":
                self.stop()
            case "forget":
                yes = Choice(id="forget:yes", label=self.phrases.forget_yes)
                no = Choice(id="forget:no", label=self.phrases.forget_no)
                others = which_channels(self.c.joined)
                sure = self.phrases.forget_sure_joined.format(channels=others) if others else self.phrases.forget_sure
                self.reply(sure, (yes, no))
            case "simpler":
                self.simpler()
            case "again" | "bot":
                self.show_again() if self.c.position else self.show_menu()
            case "thanks":
                self.before.append(self.phrases.thanks)
                self.show_again(quiet=True)
            case "hello":
                self.show_again() if self.c.position else self.show_menu()
            case "queue":
                self.effects.append(QueueAsked())
            case "notices_on" | "notices_off":
                self.want_notices(name == "notices_on")
            case "notices_maybe":
                self.tell(self.phrases.notices_on) if self.c.notices == "yes" else self.ask_notices()
            case "aloud_on" | "aloud_off":
                self.want_aloud(name == "aloud_on")
            case "not_done":
                self.reopen()
            case _:
                raise AssertionError(name)

    def start_or_menu(self, text: str) -> None:
        """ "/start payload" from a QR code names a flow; anything else is the menu."""
        payload = text.removeprefix("/start").strip() if text.startswith("/start") else ""
        flow = self.library.flows.get(payload)
        if flow is not None and flow.kind != "course":
            self.start(payload)
        else:
            self.pause()
            self.show_menu()

    # --- buttons -----------------------------------------------------------------------------------------------

    def pressed(self, native: str) -> None:
        """A native button: "<menu>.<place>". An old one is not acted on."""
        number, _, place = native.partition(".")
        menu = self.c.menu
        if menu is None or number != str(menu.number):
            again = number == str(self.c.answered) and self.c.answered_at is not None
            if again and self.c.answered_at is not None and self.now - self.c.answered_at < DOUBLE_PRESS:
                return
            self.before.append(self.phrases.old_button)
            self.show_again()
            return
        if choice := _at(menu, place):
            self.picked(choice)
        else:
            self.show_again()

    def _label(self, native: str) -> str:
        number, _, place = native.partition(".")
        menu = self.c.menu
        choice = _at(menu, place) if menu and number == str(menu.number) else None
        return choice.label if choice else ""

    def picked(self, choice: Choice) -> None:
        """One of the choices on screen, by button, number or words: each means the same everywhere."""
        if self.c.menu:
            number = self.c.menu.number
            self.c = replace(self.c, answered=number, answered_at=self.now, menu=None, misses=0)
        elif self.c.misses:
            self.c = replace(self.c, misses=0)
        verb, _, rest = choice.id.partition(":")
        match verb:
            case "flow":
                self.start(rest)
            case "article":
                self.answer(rest)
            case "menu" | "topic":
                self.open_menu(choice.id)
            case "up":
                self.open_menu(rest)
            case "person":
                self.call_person()
            case "resume":
                self.resume()
            case "back":
                self.back()
            case "stop":
                self.stop()
            case "again":
                self.show_again()
            case "reask":
                self.repicked(rest)
                self.reply(self.phrases.not_that_say, (self.person, self.to_menu))
            case "bot":
                self.offer_to_go_on()
            case "feedback":
                self.feedback(rest)
            case "forget":
                self.forget(rest)
            case "join":
                self.join_answered(rest)
            case "notices":
                self.want_notices(rest == "yes")
            case "resurvey":
                self.survey_again(rest)
            case _:
                if not self.at_step(self._today(choice), None):
                    self.show_again()

    def _today(self, choice: Choice) -> str:
        """The id of a choice as its step numbers it today: the flow may have been edited since it was shown."""
        verb = choice.id.partition(":")[0]
        labels = {"option": self._options(), "sign": self._signs()}.get(verb)
        if labels is None:
            return choice.id
        return f"{verb}:{list(labels).index(choice.label)}" if choice.label in labels else ""

    def _options(self) -> dict[str, tuple[str, ...]]:
        """The labels of the step on screen, each with the other ways to say it."""
        return {one.label: one.also for one in self.step.options} if isinstance(self.step, Choose) else {}

    def _signs(self) -> dict[str, tuple[str, ...]]:
        return {one.sign: one.also for one in self.step.stuck} if isinstance(self.step, Do) else {}

    # --- meaning of typed words --------------------------------------------------------------------------------

    def answered(self, said: Inbound) -> None:
        """Words, a picture or a pin, while the bot holds the talk."""
        picked = self._meant(said.text)
        if picked is not None:
            self.picked(picked)
        elif self.at_step("", said):
            return
        elif not said.text:
            photo = any(one.kind == "photo" for one in said.attachments)
            self.reply(self.phrases.photo_here if photo else self.phrases.no_text, self._screen())
        elif _only_secret(said):
            self.show_again()
        elif self.c.position is None and self.library.answers.pick(said.text, (self.choice("done"),)):
            self.reply(self.phrases.thanks)
        elif not self.other_question(said.text):
            self.repair()

    def _meant(self, text: str) -> Choice | None:
        """A choice on screen; else one of the step's own, when something else (a reminder, an article) hides them."""
        shown = self.c.menu.choices if self.c.menu else ()
        own = self._own_choices()
        ways = self._options() | self._signs()
        if any(one.id.startswith("topic:") for one in shown):
            own = menu.topics(self.library)
            ways |= {topic.name: topic.also for topic in self.library.topics}
        for choices in (shown,) if text.strip().isdigit() else (shown, own):
            also = tuple(ways.get(choice.label, ()) for choice in choices)
            if picked := self.library.answers.pick(text, choices, also):
                return None if picked.id == "notices:yes" and is_of_writing(text) else picked
        return None

    def _own_choices(self) -> tuple[Choice, ...]:
        if isinstance(self.step, Do):
            return self._do_choices()
        return tuple(Choice(id=f"option:{place}", label=label) for place, label in enumerate(self._options()))

    def other_question(self, text: str) -> bool:
        """Something else asked in the middle, or the first question of all. False when nothing is near enough."""
        found = self.library.index.ask(text)
        if found.pasted and self.check_flow():
            self.check_pasted(text)
            return True
        if found.band == "person":
            self.call_person()
            return True
        if found.band == "none":
            return False if self.c.position or self.c.misses else self.cannot()
        here = self.c.position.flow if self.c.position else ""
        hits = [hit for hit in found.hits if not (hit.kind == "flow" and hit.id == here)]
        weak = found.band == "offer" and (self.c.misses > 0 or (self.c.position and len(text.split()) < 3))
        if not hits or weak:
            return False
        self.c = replace(self.c, misses=1 if found.band == "offer" else 0)
        self.note("asked", found.topic)
        self.c = replace(self.c, asked=(text[:MOST_KEPT], found.topic))
        if found.band == "answer" and hits[0].kind == "article":
            self.answer(hits[0].id)
        elif found.band == "answer" and (not self.c.position or self.is_told(text)):
            self.start(hits[0].id)
        else:
            self.offer_hits([Choice(id=f"{hit.kind}:{hit.id}", label=hit.title) for hit in hits])
        return True

    def offer_hits(self, choices: list[Choice]) -> None:
        not_that = Choice(id="reask:", label=self.phrases.not_that)
        ends = (self.choice("resume"), self.person) if self.c.position else (not_that, self.person)
        self.reply(self.phrases.did_you_mean, (*choices, *ends))

    def answer(self, article_id: str) -> None:
        """An article, then the way on: the step that waits, or a flow of the same topic."""
        article = self.library.articles.get(article_id)
        if article is None:
            self.show_menu()
            return
        self.note("answered", article_id)
        self.warn_if_old(article.verified_on, article.expires_on)
        if self.c.position and (flow := self.flow):
            self.before.append(article.body)
            text = self.phrases.go_on.format(title=flow.title)
            self.reply(text, (self.choice("resume"), self.person, self.to_menu))
            return
        guides = self._guides(article.topic)
        choices = [Choice(id=f"flow:{flow.id}", label=flow.title) for flow in guides]
        if guides:
            self.before.append(article.body)
        not_that = Choice(id=f"reask:{article_id}", label=self.phrases.not_that)
        self.reply(self.phrases.more_guides if guides else article.body, (*choices, not_that, self.person))

    def _guides(self, topic: str) -> list[Flow]:
        """Two flows at most: those that the question itself finds, then the topic's first; none that is paused."""
        paused = {position.flow for position in self.c.stack}
        hits = self.library.index.ask(self.c.asked[0]).hits if self.c.asked else ()
        found = [flow for hit in hits if hit.kind == "flow" and (flow := self.library.flows.get(hit.id))]
        further = [flow for flow in self.library.of_topic(topic) if flow not in found]
        return [flow for flow in (*found, *further) if flow.id not in paused][:2]

    def check_flow(self) -> bool:
        return not isinstance(self.step, Ask | Check)

    def check_pasted(self, text: str) -> None:
        """A pasted message is not a question: it goes to the scam check first."""
        self.before.append(self._verdict(text, advise=True)[1])
        self.note("checked")
        if self.c.position and (flow := self.flow):
            self.reply(self.phrases.go_on.format(title=flow.title), (self.choice("resume"), self.person))
        else:
            self.reply("", (self.person, self.to_menu))

    def cannot(self) -> bool:
        self.c = replace(self.c, misses=1)
        self.missed()
        self.show_menu(text=self.phrases.can_do)
        return True

    def missed(self) -> None:
        self.note("missed")
        if self.text:
            self.effects.append(Missed(why="missed", text=self.text[:MOST_KEPT]))

    def repicked(self, article_id: str) -> None:
        self.note("repicked", article_id)
        if self.c.asked:
            self.effects.append(Missed(why="repicked", text=self.c.asked[0], topic=self.c.asked[1]))
            self.c = replace(self.c, asked=())

    def repair(self) -> None:
        """Not understood: say it simpler, show the choices, offer a person, call one. Never the same sentence twice."""
        misses = self.c.misses + 1
        self.c = replace(self.c, misses=misses)
        self.missed()
        step = self.step
        simpler = step.simpler if step else ""
        screen = self._screen()
        last = self.c.position is not None and self.c.position.flow == INTAKE
        if misses == 1:
            hint = simpler or (self.phrases.repair_choices if screen else self.phrases.repair_open)
            self.reply(self.phrases.repair_first.format(simpler=hint), screen)
        elif misses == 2:
            self.reply(self.phrases.repair_choices if simpler or not screen else self.phrases.repair_open, screen)
        elif misses == 3 and not last:
            self.offer_person(self.phrases.repair_person)
        elif not last:
            self.call_person()
        else:
            self.c = replace(self.c, position=None, misses=0)
            self.reply(self.phrases.repair_last, (self.to_menu,))

    def simpler(self) -> None:
        """They did not understand: the same in plainer words, else in small pieces; where neither helps, a person."""
        shown = self.c.menu.choices if self.c.menu else ()
        if not self.c.position and not shown:
            self.show_menu()
            return
        said = "" if self.c.misses else self._plainer({one.id.partition(":")[0] for one in shown})
        self.c = replace(self.c, misses=self.c.misses + 1)
        self.note("unclear")
        if not said:
            self.offer_person(self.phrases.repair_person)
        else:
            asks_sign = any(one.id.startswith("sign:") for one in shown)
            self.reply(said, self._own_choices() if asks_sign else self._screen())

    def _plainer(self, shown: set[str]) -> str:
        """What is on screen, said otherwise; "" where it is not the step's, or cannot be said otherwise."""
        step, position = self.step, self.c.position
        if not isinstance(step, Waiting) or position is None or (isinstance(step, Ask) and position.stage):
            return ""
        text = step.text
        if "fixed" in shown:  # the answer to a stuck sign
            text = next((sign.say for sign in getattr(step, "stuck", ()) if sign.sign in self.c.tried[-1:]), "")
        elif isinstance(step, Choose | Do) and not shown & {"option", "done", "sign"}:
            return ""
        elif step.simpler:
            return self.phrases.simpler.format(simpler=self.fill(step.simpler))
        parts = pieces(self.fill(text))
        numbered = "\n".join(f"{number}. {part}" for number, part in enumerate(parts, 1))
        if len(parts) > 1:
            return self.phrases.in_pieces.format(pieces=numbered)
        return self.phrases.repair_choices if isinstance(step, Choose) else ""

    def _screen(self) -> tuple[Choice, ...]:
        """The choices of the question that stands, to be shown again."""
        return self.c.menu.choices if self.c.menu else (self.person, self.to_menu)

    # --- the end of a case, and of being known ---------------------------------------------------------------

    def feedback(self, how: str) -> None:
        self.effects.append(Remember(what="feedback", value=how))
        if how == "bad":
            self.reopen()
            return
        self.before.append(self.phrases.thanks)
        if self.c.stack:
            self.offer_to_go_on()
        else:
            self.reply("", (self.to_menu,))

    def forget(self, sure: str) -> None:
        if sure != "yes":
            self.before.append(self.phrases.kept)
            self.show_again()
            return
        others = which_channels(self.c.joined)
        self.erase()
        both = self.phrases.forgotten_joined.format(channels=others)
        self.reply(both if others else self.phrases.forgotten, notice=True)

    def erase(self) -> None:
        """Nothing is left of the resident but the number of their menus, so that an old button stays an old button."""
        if self.c.case != "none":
            self.effects.append(LeaveCase())
        self.effects.append(Forget())
        blank = Conversation(channel=self.c.channel, chat=self.c.chat, epoch=self.c.epoch + 1, menus=self.c.menus)
        self.c = blank

    # --- notices, and the members' own courses --------------------------------------------------------------------

    def want_notices(self, wanted: bool) -> None:
        """Said at any time, in any talk; whatever question stands goes on standing."""
        wish: Notices = "yes" if wanted else "no"
        self.c = replace(self.c, notices=wish)
        self.effects.append(Remember(what="notices", value=wish))
        self.tell(self.phrases.notices_on if wanted else self.phrases.notices_off)

    def want_aloud(self, wanted: bool) -> None:
        """Said at any time, in any talk. Where nothing can be heard that is told, and nothing changes."""
        can = next((one for one in CHANNELS if one.name == self.c.channel), None)
        if wanted and not self.library.speaks:
            self.tell(self.phrases.aloud_never)
        elif wanted and not (can and can.voice_out):
            self.tell(self.phrases.aloud_not_here.format(channel=can.title if can else "đây"))
        else:
            self.c = replace(self.c, aloud=wanted)
            self.note("aloud_on" if wanted else "aloud_off")
            self.tell(self.phrases.aloud_on if wanted else self.phrases.aloud_off)

    def tell(self, text: str) -> None:
        """Whatever question stands goes on standing: it is shown again under these words."""
        if self.c.held_by == "bot" and self.c.position:
            self.before.append(text)
            self.show_again()
        else:
            self.reply(text, notice=True)

    def notice(self, event: NoticeDue) -> None:
        """Never into a case, nor, as long as it can wait, between the steps of a flow. Buttons on screen stay good."""
        if self.c.notices != "yes":
            self.effects.append(NoticeMet(notice=event.notice, how="refused"))
        elif self.c.held_by == "team" or self.c.case != "none" or (self.c.position and event.patient):
            self.effects.append(NoticeMet(notice=event.notice, how="busy"))
        else:
            self.effects.append(NoticeMet(notice=event.notice, how="said"))
            self.reply(f"{event.text}\n\n{self.phrases.notices_stop}", notice=True)

    def course(self, event: CourseOpened) -> None:
        """A member goes on with a course where they left it."""
        self.c = replace(self.c, greeted=True)
        paused = next((position for position in self.c.stack if position.flow == event.flow), None)
        if self.c.position and self.c.position.flow == event.flow:
            self.show_again()
        elif paused:
            self.pause()
            self.c = replace(self.c, position=paused, stack=tuple(one for one in self.c.stack if one is not paused))
            self.show_again()
        else:
            self.start(event.flow)

    # --- what members and the clock do -------------------------------------------------------------------------

    def taken_over(self) -> None:
        """A person answered from the provider's own screen: the bot falls silent, whoever it is holds the talk."""
        self.pause()
        self.c = replace(self.c, held_by="team", epoch=self.c.epoch + 1, menu=None)
        self.note("taken_over")

    def is_due(self, event: WaitExpired) -> bool:
        return self.c.held_by == "bot" and self.c.wake_at == event.due_at and self.flow is not None

    def remind(self) -> None:
        self.reminded = True
        self.note("reminded")
        text = self.phrases.remind.format(title=self.flow.title if self.flow else "")
        self.reply(text, (self.choice("resume"), self.person, self.choice("stop")))

    def taken(self, event: CaseTaken) -> None:
        if self.c.case == "none":
            return
        self.pause()
        self.c = replace(self.c, held_by="team", epoch=self.c.epoch + 1, case="taken", menu=None)
        self.reply(self.phrases.taken.format(member=event.member), notice=True)

    def waits(self, event: CaseWaits) -> None:
        if self.c.case == "none":
            return
        self.c = replace(self.c, case="waiting")
        promise = when_promised(event.promised_at, self.now)
        said = self.phrases.waits_late if event.late else self.phrases.waits
        self.reply(said.format(promise=promise), notice=True)

    def queue_place(self, event: QueuePlace) -> None:
        if self.c.case == "waiting":
            promise = when_promised(event.promised_at, self.now)
            place = f"thứ {event.place}" if event.place > 1 else "đầu tiên"
            self.reply(self.phrases.queue_place.format(place=place, promise=promise), notice=True)

    def closed(self, event: CaseClosed) -> None:
        if self.c.case == "none":
            return
        self.c = replace(
            self.c, held_by="bot", epoch=self.c.epoch + 1, case="none", acked_at=None, closed_at=self.now
        )  # fmt: skip
        text = getattr(self.phrases, f"closed_{event.outcome}").format(visit=event.visit_on)
        if event.outcome in ("solved", "passed_on"):
            good = Choice(id="feedback:good", label=self.phrases.feedback_good)
            bad = Choice(id="feedback:bad", label=self.phrases.feedback_bad)
            self.reply(text, (good, bad), notice=True)
        else:
            choices = (self.choice("resume"), self.to_menu) if self.c.stack else (self.to_menu,)
            self.reply(text, choices, notice=True)

    def passed(self, event: CasePassed) -> None:
        if self.c.case == "none":
            return
        self.c = replace(self.c, case="waiting", acked_at=self.now)
        self.reply(self.phrases.passed.format(to=event.to), notice=True)

    def step_shown(self, event: StepShown) -> None:
        """The words of a step, without its buttons: while the team holds the talk nothing is to be pressed."""
        flow = self.library.flows.get(event.flow)
        step = flow.steps.get(event.step) if flow else None
        if self.c.held_by != "team" or flow is None or step is None or isinstance(step, Go) or not step.text:
            return
        options = [f"- {option.label}" for option in step.options] if isinstance(step, Choose) else []
        head = self.phrases.step_shown.format(title=flow.title)
        self.reply("\n".join((head, "", self.fill(step.text), *options)), picture=step.picture, notice=True)

    def handed_back(self, event: HandedBack) -> None:
        if self.c.case == "none":
            return
        flow = self.library.flows.get(event.flow)
        step = flow.steps.get(event.step) if flow else None
        before = next((paused for paused in self.c.stack if paused.flow == event.flow), None)
        self.c = replace(
            self.c, held_by="bot", epoch=self.c.epoch + 1, case="none", acked_at=None, closed_at=self.now,
            position=None, menu=None, stack=tuple(paused for paused in self.c.stack if paused is not before),
        )  # fmt: skip
        self.before.append(self.phrases.handed_back)
        if flow is None or not isinstance(step, Waiting):
            self.offer_to_go_on()
            return
        self.enter(flow, step, _trail_to(step.id, before))

    def crashed(self, event: Crashed) -> None:
        self.note("crashed")
        self.pause()
        message = event.message or "(trợ lý tự động bị trục trặc)"
        if self.c.case == "none":
            self._open_case(message)
        else:
            self.effects.append(Relay(text=message))
            if self.c.held_by == "bot":
                self.c = replace(self.c, held_by="team", epoch=self.c.epoch + 1, menu=None)
        self.reply(self.phrases.crashed, notice=True)


def _at(menu: Menu, place: str) -> Choice | None:
    """The choice at a button's place: "1" is the first."""
    if not place.isdecimal() or len(place) > 3:
        return None
    number = int(place)
    return menu.choices[number - 1] if 1 <= number <= len(menu.choices) else None


def _trail_to(step_id: str, before: Position | None) -> tuple[str, ...]:
    """The way back from a step that a member chose: up to it where they had been there, else over where they were."""
    if before is None:
        return ()
    walked = (*before.trail, before.step)
    return walked[: walked.index(step_id)] if step_id in walked else walked


def _only_secret(said: Inbound) -> bool:
    """A code or password and hardly a word beside it: nothing is asked, the warning is the answer."""
    beside = _MASK.sub("", said.text).split()
    return bool(said.secrets) and _BARE_SECRETS.issuperset(said.secrets) and len(beside) <= MOST_BESIDE_SECRET
