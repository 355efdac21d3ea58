"""Walking through flows: where a resident stands, what a step shows and takes, the ways back and out.

Knows every kind of step, and nothing of what free words mean: that is engine.py, which builds on it.
"""

import re
from abc import ABC, abstractmethod
from datetime import date, datetime, timedelta
from typing import Literal, assert_never

from msgspec.structs import replace

from bot import answers, menu, place_talk, surveys
from bot.flow import Ask, Check, Choose, Do, End, Flow, Go, HandOff, Option, Say, Step, Waiting
from bot.handoff import REOPEN_DAYS
from bot.library import INTAKE, Library
from bot.model import (
    Attachment,
    Choice,
    Conversation,
    Effect,
    Inbound,
    Menu,
    Note,
    OpenCase,
    Point,
    Position,
    Quizzed,
    Remember,
    Reply,
    Surveyed,
    Turn,
)
from bot.phrases import Phrases
from bot.said import VIETNAM
from knowledge.text import fold

#: steps taken in one turn before a flow counts as looping
MAX_HOPS = 30
#: paused flows kept under the current one: five side paths deep, the first is still come back to
MAX_STACK = 5
#: characters kept of an answer in a survey
MOST_SURVEYED = 500
#: the stage of a position that was left by a `go`: "quay lại" from the first step of the other flow leads back there
_LED_AWAY = "led_away"
#: how a text asks the resident to write something to the bot
_TOLD = re.compile(r"(?:nhắn|gõ)(?: con)?:? “([^”]+)”", re.IGNORECASE)


class Walk(ABC):
    """One turn in the making: the conversation so far, and the effects decided so far."""

    def __init__(self, library: Library, conversation: Conversation, now: datetime) -> None:
        self.library = library
        self.now = now
        self.c = conversation
        self.effects: list[Effect] = []
        #: what the resident wrote, "" for anything else
        self.text = ""
        #: words to be put before the next reply, so that one turn is one message where it can be
        self.before: list[str] = []
        #: the picture of the step that was entered last, until it is shown
        self.beside = ""
        self.hops = 0
        self.reminded = False

    def turn(self) -> Turn:
        if self.before:
            self.reply("")
        wake_at = None
        if self.c.held_by == "bot" and self.c.position and not self.reminded:
            stand = self.library.stand(self.c.position)
            wake_at = self.now + timedelta(hours=stand[0].remind_hours) if stand else None
        # Replies composed before a change of owner in this same turn were meant for the new owner's talk.
        after = self.c if self.c.wake_at == wake_at else replace(self.c, wake_at=wake_at)
        return Turn(conversation=after, effects=tuple(self.effects))

    # --- saying ------------------------------------------------------------------------------------------------

    def reply(
        self,
        text: str,
        choices: tuple[Choice, ...] = (),
        *,
        attachments: tuple[Attachment, ...] = (),
        author: Literal["bot", "member"] = "bot",
        notice: bool = False,
        ask: Literal["", "location", "phone"] = "",
        picture: str = "",
    ) -> None:
        """Say something. Choices become the new menu; words waiting in `before` go first in the same message."""
        said = "\n\n".join(part.strip() for part in (*self.before, text) if part.strip())
        self.before.clear()
        number = 0
        if choices:
            number = self.c.menus + 1
            self.c = replace(self.c, menus=number, menu=Menu(number=number, choices=choices))
        shown = self.library.pictures.get(picture or self.beside)
        self.beside = ""
        aloud = self.library.speech.spoken(said, [choice.label for choice in choices]) if self.c.aloud else ""
        self.effects.append(
            Reply(
                text=said, choices=choices, menu=number, attachments=attachments, author=author, notice=notice,
                ask=ask, picture=shown.name if shown else "", picture_says=shown.says if shown else "",
                aloud=aloud,
            )
        )  # fmt: skip

    def note(self, what: str, detail: str = "") -> None:
        position = self.c.position
        flow, step = (position.flow, position.step) if position else ("", "")
        self.effects.append(Note(what=what, flow=flow, step=step, detail=detail))

    def choice(self, key: str) -> Choice:
        """A choice whose id is also the name of its phrase."""
        return Choice(id=key, label=getattr(self.phrases, key))

    @property
    def phrases(self) -> Phrases:
        """In a course, or just out of one, it is a member who is spoken to."""
        here = self.c.position or (self.c.stack[-1] if self.c.stack else None)
        flow = self.library.flows.get(here.flow) if here else None
        return self.library.course_phrases if flow and flow.kind == "course" else self.library.phrases

    @property
    def person(self) -> Choice:
        return self.choice("person")

    @property
    def to_menu(self) -> Choice:
        return Choice(id="menu:0", label=self.phrases.menu_list)

    # --- around flows ------------------------------------------------------------------------------------------

    @property
    def flow(self) -> Flow | None:
        stand = self.library.stand(self.c.position) if self.c.position else None
        return stand[0] if stand else None

    @property
    def step(self) -> Step | None:
        stand = self.library.stand(self.c.position) if self.c.position else None
        return stand[1] if stand else None

    def show_menu(self, start: int = 0, *, text: str = "") -> None:
        paused = bool(self.c.stack or self.c.position)
        self.reply(text or self.phrases.menu, menu.of_topics(self.library, start, paused=paused))

    def open_menu(self, screen: str) -> None:
        """The screen of the menu that is so named (see menu.py). A topic with one flow is that flow."""
        topic, _, start = screen.removeprefix("topic:").rpartition(":")
        flows = self.library.of_topic(topic)
        if len(flows) == 1:
            self.start(flows[0].id)
        elif flows:
            name = next(one.name for one in self.library.topics if one.id == topic)
            paused = bool(self.c.stack or self.c.position)
            choices = menu.of_flows(self.library, topic, int(start), paused=paused)
            self.reply(self.phrases.menu_topic.format(topic=name), choices)
        else:
            self.show_menu(int(start) if topic == "menu" else 0)

    def pause(self) -> None:
        """Put the current position aside; the oldest pause is forgotten when there are too many."""
        if self.c.position and self.c.position.flow != INTAKE:
            stack = (*(p for p in self.c.stack if p.flow != self.c.position.flow), self.c.position)
            self.c = replace(self.c, stack=stack[-MAX_STACK:])
        self.c = replace(self.c, position=None)

    def start(self, flow_id: str) -> None:
        flow = self.library.flows.get(flow_id)
        if flow is None:
            self.show_menu(text=self.phrases.lost_place)
            return
        if flow.kind == "survey" and self.survey_goes_on(flow):
            return
        if self.c.position and self.c.position.flow == flow_id:
            self.c = replace(self.c, position=None)
        self.pause()
        self.c = replace(self.c, stack=tuple(p for p in self.c.stack if p.flow != flow_id))
        self.effects.append(Note(what="flow_started", flow=flow_id))
        if flow_id != INTAKE and flow.kind == "guide":
            self.before.append(self.phrases.start_flow.format(title=flow.title))
            self.warn_if_old(flow.verified_on, flow.expires_on)
        self.enter(flow, flow.first, ())

    def warn_if_old(self, verified_on: date | None, expires_on: date | None) -> None:
        """Content past its day is still the best there is, but it says so."""
        if verified_on and expires_on and self.now.astimezone(VIETNAM).date() > expires_on:
            self.note("expired_shown")
            self.before.append(self.phrases.expired.format(day=f"{verified_on:%d/%m/%Y}"))

    def enter(self, flow: Flow, step: Step, trail: tuple[str, ...]) -> None:
        """Go to a step, and on through those that await nothing. A loop ends with a person, not with a hang."""
        self.hops += 1
        to_person = isinstance(step, HandOff) or flow.id == INTAKE
        self.c = replace(
            self.c,
            position=Position(flow=flow.id, version=flow.version, step=step.id, trail=trail[-50:]),
            tried=self.c.tried if to_person else (), misses=0, menu=None,
        )  # fmt: skip
        if self.hops > MAX_HOPS:
            self.before.clear()
            self.note("looped")
            self.call_person()
            return
        self.beside = step.picture or self.beside
        match step:
            case Say():
                self.before.append(self.fill(step.text))
                self.go_on(flow, step, trail)
            case Ask() | Choose() | Do() | Check():
                self.show(flow, step)
            case Go():
                self.detour(flow, step, trail)
            case HandOff():
                self.hand_off(step)
            case End():
                self.end(step)
            case _:
                assert_never(step)

    def go_on(self, flow: Flow, step: Step, trail: tuple[str, ...], to: str | None = None) -> None:
        """To the step that follows. Past the last one a flow ends, as if it had said so."""
        target = to or flow.after(step)
        if isinstance(step, Waiting):
            trail = (*trail, step.id)
            self.note("step_done")
        if target is None:
            self.end(End(id=step.id, line=step.line, text=""))
        else:
            self.enter(flow, flow.steps[target], trail)

    def detour(self, flow: Flow, step: Go, trail: tuple[str, ...]) -> None:
        """Into another flow; the step after this one is where the resident comes back to."""
        following = flow.after(step)
        if following is not None and self.c.position:
            self.c = replace(self.c, position=replace(self.c.position, step=following, trail=trail, stage=_LED_AWAY))
        else:
            self.c = replace(self.c, position=None)
        self.start(step.flow)

    def show(self, flow: Flow, step: Ask | Choose | Do | Check) -> None:
        """The question of a step, with its choices."""
        text = surveys.numbered(flow, step, self.fill(step.text))
        skip = self.skip_choice(flow, step)
        match step:
            case Choose():
                options = tuple(Choice(id=f"option:{n}", label=o.label) for n, o in enumerate(step.options))
                self.reply(text, (*options, *skip), picture=step.picture)
            case Do():
                self.reply(text, self._do_choices(), picture=step.picture)
            case Check():
                self.reply(text, (self.person, *self._back_choice()), picture=step.picture)
            case Ask(kind="consent"):
                if self.c.consent and flow.kind != "survey":
                    self.go_on(flow, step, self._trail())
                    return
                agree, disagree = self.phrases.agree, self.phrases.disagree
                self.reply(text, (Choice(id="yes", label=agree), Choice(id="no", label=disagree)))
            case Ask(kind="place"):
                self._place(place_talk.begin(self.library, text, self.c.place), flow, step)
            case Ask():
                self.reply(text, skip, ask="phone" if step.kind == "phone" else "", picture=step.picture)
            case _:
                assert_never(step)

    def _trail(self) -> tuple[str, ...]:
        return self.c.position.trail if self.c.position else ()

    def _do_choices(self) -> tuple[Choice, ...]:
        return (self.choice("done"), self.choice("stuck"), self.person, *self._back_choice())

    def _back_choice(self) -> tuple[Choice, ...]:
        return (self.choice("back"),) if self._trail() or self._is_led_here() else ()

    def _is_led_here(self) -> bool:
        """Another flow led into this one, and waits to be come back to."""
        return bool(self.c.stack) and self.c.stack[-1].stage == _LED_AWAY and bool(self.c.stack[-1].trail)

    def fill(self, text: str) -> str:
        """The placeholders of a text: answers given, and {noi_o}, the resident's place."""
        place = place_talk.name(self.library, self.c.place) if self.c.place else ""
        values = {**self.c.answers, "noi_o": place}
        for key, value in values.items():
            mark = "{" + key + "}"
            text = text.replace(mark, value) if value else text.replace(" " + mark, "").replace(mark, "")
        return text

    # --- inside a step -----------------------------------------------------------------------------------------

    def at_step(self, picked: str, said: Inbound | None) -> bool:
        """An answer to the step on screen: a choice by id, or what was sent. False when it is no answer to it."""
        stand = self.library.stand(self.c.position) if self.c.position else None
        if self.c.position is None or stand is None:
            return self._lost(picked)
        flow, step, position = stand
        self.c = replace(self.c, position=position)
        text = said.text if said else ""
        if picked == "skip" and surveys.is_question(flow, step):
            self.survey(flow, step, "")
            self.go_on(flow, step, position.trail)
            return True
        match step:
            case Choose():
                if not picked.startswith("option:"):
                    return False
                self.chosen(flow, step, step.options[int(picked.removeprefix("option:"))])
            case Do():
                return self.doing(flow, step, picked, text)
            case Check():
                return self.checking(flow, step, text)
            case Ask(kind="place"):
                point = said.point if said else None
                return self.placing(flow, step, picked, text, point)
            case Ask(kind="consent"):
                if picked not in ("yes", "no"):
                    return False
                self.consenting(flow, step, agreed=picked == "yes")
            case Ask():
                return self.asked(flow, step, picked, said)
            case Say() | Go() | HandOff() | End():
                # The flow was edited under them, and `moved` names a step that asks nothing: it leads on.
                self.enter(flow, step, position.trail)
            case _:
                assert_never(step)
        return True

    def _lost(self, picked: str) -> bool:
        """Nothing is left of the step: the flow was taken away. Say so instead of guessing."""
        if self.c.position is None and not picked:
            return False
        self.c = replace(self.c, position=None)
        self.show_menu(text=self.phrases.lost_place)
        return True

    def doing(self, flow: Flow, step: Do, picked: str, text: str) -> bool:
        trail = self._trail()
        if picked in ("done", "fixed"):
            self.go_on(flow, step, trail, self._fixed_to(step) if picked == "fixed" else None)
        elif picked == "stuck":
            self.ask_sign(step)
        elif picked == "still":
            self.try_person()
        elif picked.startswith("sign:"):
            self.help(step, int(picked.removeprefix("sign:")))
        elif picked == "other":
            self._stage("trouble")
            self.reply(self.phrases.tell_trouble, (self.person, self.choice("again")))
        elif text and self.is_told(text) and self.other_question(text):
            return True
        elif text and (sign := answers.find_sign(text, step.stuck)) is not None:
            self.help(step, sign)
        elif text and self.c.position and self.c.position.stage == "trouble":
            self._stage("")
            self.try_person()
        else:
            return False
        return True

    def _stage(self, stage: str) -> None:
        if self.c.position:
            self.c = replace(self.c, position=replace(self.c.position, stage=stage))

    def ask_sign(self, step: Do) -> None:
        self.note("stuck")
        if not step.stuck:
            self.try_person()
            return
        signs = [Choice(id=f"sign:{place}", label=sign.sign) for place, sign in enumerate(step.stuck)][:6]
        self.reply(self.phrases.which_sign, (*signs, Choice(id="other", label=self.phrases.other_sign), self.person))

    def help(self, step: Do, place: int) -> None:
        """What helps against one sign. The same sign a second time means that it did not help: a person."""
        sign = step.stuck[place]
        if sign.sign in self.c.tried:
            self.try_person()
            return
        self.c = replace(self.c, tried=(*self.c.tried, sign.sign), misses=0)
        self._stage("")
        self.note("helped", sign.sign)
        self.reply(self.fill(sign.say), (self.choice("fixed"), self.choice("still"), self.person))

    def is_told(self, text: str) -> bool:
        """Whether the step, or what was just said to help, asks to write these very words: nhắn con “đổi số VNeID”."""
        step = self.step
        if not isinstance(step, Do):
            return False
        last = self.c.tried[-1] if self.c.tried else ""
        said = (step.text, *(sign.say for sign in step.stuck if sign.sign == last))
        return fold(text) in {fold(words) for one in said for words in _TOLD.findall(one)}

    def _fixed_to(self, step: Do) -> str | None:
        last = self.c.tried[-1] if self.c.tried else ""
        return next((sign.then for sign in step.stuck if sign.sign == last), None)

    def try_person(self) -> None:
        self.note("stuck")
        self.offer_person(self.phrases.try_person)

    def checking(self, flow: Flow, step: Check, text: str) -> bool:
        if not text:
            return False
        verdict, words = self._verdict(text, advise=not step.verdicts)
        self.note("checked", verdict)
        self.before.append(words)
        self.go_on(flow, step, self._trail(), step.verdicts.get(verdict))
        return True

    def placing(self, flow: Flow, step: Ask, picked: str, text: str, point: Point | None) -> bool:
        position = self.c.position
        assert position is not None
        move = place_talk.hear(self.library, position.stage, position.draft, self.c.place, text, picked, point)
        if move is None:
            return False
        self._place(move, flow, step)
        return True

    def _place(self, move: place_talk.Asked | place_talk.Settled, flow: Flow, step: Ask) -> None:
        position = self.c.position
        assert position is not None
        match move:
            case place_talk.Asked():
                asked = replace(position, stage=move.stage, draft=move.draft)
                self.c = replace(self.c, position=asked, menu=None, misses=0)
                skip = self.skip_choice(flow, step) if move.stage in ("", "known", "again") else ()
                choices = (*move.choices, *skip)
                self.reply(move.text, choices, ask="location" if move.location else "")
            case place_talk.Settled(place=None):
                self.before.append(self.phrases.place_unknown)
                self.go_on(flow, step, position.trail)
            case place_talk.Settled(place=place):
                self.c = replace(self.c, place=place)
                self.effects.append(Remember(what="place", value=place.commune if place else ""))
                self.survey(flow, step, place.commune if place else "")
                self.go_on(flow, step, position.trail)

    def consenting(self, flow: Flow, step: Ask, *, agreed: bool) -> None:
        if flow.kind == "survey":  # a purpose of its own: it allows nothing else
            self.note("survey_agreed" if agreed else "survey_refused")
            if agreed:
                self.effects.append(
                    Surveyed(survey=flow.id, version=flow.version, question=step.id, answer=surveys.AGREED)
                )
        elif agreed:
            self.c = replace(self.c, consent=self.now)
            self.effects.append(Remember(what="consent", value="yes"))
        self.go_on(flow, step, self._trail(), None if agreed else step.otherwise)

    def asked(self, flow: Flow, step: Ask, picked: str, said: Inbound | None) -> bool:
        """A plain question: what was sent must be of its kind, else it is asked again saying what is missing."""
        if picked == "skip" and step.otherwise:
            self.go_on(flow, step, self._trail(), step.otherwise)
            return True
        if said is None:
            return False
        value, missing = self._value(step, said)
        if value is None:
            if said.text and self.other_question(said.text):
                return True
            if self.c.misses > 1:
                self.repair()
                return True
            self.c = replace(self.c, misses=self.c.misses + 1)
            self.reply(missing if self.c.misses == 1 else self.fill(step.text))
            return True
        self.survey(flow, step, value)
        if flow.kind != "survey":
            self.c = replace(self.c, answers={**self.c.answers, step.key: value})
        self.go_on(flow, step, self._trail())
        return True

    # --- surveys and courses -----------------------------------------------------------------------------------

    def chosen(self, flow: Flow, step: Choose, option: Option) -> None:
        """An option of a question. A wrong one in a course is explained, and asked once more."""
        if step.right:
            right = option.label == step.right
            self.effects.append(Quizzed(course=flow.id, version=flow.version, question=step.id, right=right))
            if not right:
                self.before.append(self.phrases.quiz_wrong.format(because=step.because))
                self.show(flow, step)
                return
            self.before.append(self.phrases.quiz_right)
        self.survey(flow, step, option.label)
        self.go_on(flow, step, self._trail(), option.then or None)

    def survey(self, flow: Flow, step: Step, answer: str) -> None:
        """Hand an answer of a survey on; nothing of it stays in the talk."""
        if surveys.is_question(flow, step):
            self.effects.append(
                Surveyed(survey=flow.id, version=flow.version, question=step.id, answer=answer[:MOST_SURVEYED])
            )

    def skip_choice(self, flow: Flow, step: Step) -> tuple[Choice, ...]:
        can = surveys.is_question(flow, step) or (isinstance(step, Ask) and step.kind != "place" and step.otherwise)
        return (self.choice("skip"),) if can else ()

    def survey_goes_on(self, flow: Flow) -> bool:
        """A survey is gone on with where it was left; one that is answered is begun again only if they want to."""
        if self.c.position and self.c.position.flow == flow.id:
            self.show_again()
        elif paused := next((position for position in self.c.stack if position.flow == flow.id), None):
            self.pause()
            self.c = replace(self.c, position=paused, stack=tuple(one for one in self.c.stack if one.flow != flow.id))
            self.before.append(self.phrases.back_in.format(title=flow.title))
            self.show_again()
        elif flow.id in self.c.surveys:
            again = Choice(id=f"resurvey:{flow.id}", label=self.phrases.survey_change)
            self.reply(self.phrases.survey_done.format(title=flow.title), (again, self.to_menu))
        else:
            return False
        return True

    def survey_again(self, flow_id: str) -> None:
        self.c = replace(self.c, surveys=tuple(one for one in self.c.surveys if one != flow_id))
        self.start(flow_id)

    def _ended(self, flow: Flow) -> None:
        """Whoever came past a question of a survey has answered it."""
        if flow.kind == "survey" and set(self._trail()) & set(surveys.questions(flow)):
            self.c = replace(self.c, surveys=(*(one for one in self.c.surveys if one != flow.id), flow.id))
            self.note("survey_done")

    def _value(self, step: Ask, said: Inbound) -> tuple[str | None, str]:
        """The answer as it is kept, or None and what to say about it."""
        match step.kind:
            case "phone":
                own = said.contact.phone if said.contact and said.contact.own else said.text
                return answers.phone(own), self.phrases.bad_phone
            case "date":
                return answers.day(said.text, self.now.date()), self.phrases.bad_date
            case "number":
                digits = "".join(ch for ch in said.text if ch.isdecimal())
                return digits or None, self.phrases.bad_number
            case "photo":
                photo = next((one.ref for one in said.attachments if one.kind == "photo"), None)
                return photo, self.phrases.bad_photo
            case _:
                sent = said.text.strip()[:2000] or ("(hình)" if said.attachments else "")
                return sent or None, self.phrases.no_text

    def _verdict(self, text: str, *, advise: bool) -> tuple[str, str]:
        """The verdict, and what is said of it; with advice where no step of a flow gives it."""
        found = self.library.scams.assess(text)
        heads = {"scam": self.phrases.check_scam, "suspicious": self.phrases.check_suspicious}
        reasons = [] if found.verdict == "unknown" else [f"- {reason}" for reason in found.reasons[:3]]
        signs = "\n".join(filter(None, (heads.get(found.verdict, ""), *reasons)))
        advice = "\n".join(found.advice) if advise else ""
        return found.verdict, "\n\n".join(filter(None, (signs, advice))) or self.phrases.check_unknown

    def offer_person(self, text: str) -> None:
        """ "Do you want a person?": here yes and no are answers too."""
        again = (Choice(id="again:no", label=self.phrases.again),) if self.c.position else ()
        self.reply(text, (Choice(id="person:yes", label=self.phrases.person), *again, self.to_menu))

    @abstractmethod
    def other_question(self, text: str) -> bool:
        """Something else asked in the middle; False when it is nothing that can be answered."""

    @abstractmethod
    def repair(self) -> None:
        """What to say to words that mean nothing here."""

    # --- ways out ----------------------------------------------------------------------------------------------

    def back(self) -> None:
        position, flow = self.c.position, self.flow
        if up := menu.way_up(self.c.menu.choices if self.c.menu else ()):
            self.open_menu(up)
        elif position is None or flow is None:
            self.resume() if self.c.stack else self.show_menu()
        elif position.stage not in ("", "known"):
            self.enter(flow, flow.steps[position.step], position.trail)
        elif trail := self._way_back(flow, position.trail):
            self.note("went_back")
            self.enter(flow, flow.steps[trail[-1]], trail[:-1])
        elif flow.id == INTAKE and self.c.stack:
            self.c = replace(self.c, position=None)
            self.resume()
        elif self._is_led_here() and (stand := self.library.stand(self.c.stack[-1])) and stand[2].trail:
            self.c = replace(self.c, stack=self.c.stack[:-1])
            before, trail = stand[0], stand[2].trail
            self.note("went_back")
            self.enter(before, before.steps[trail[-1]], trail[:-1])
        else:
            self.before.append(self.phrases.nothing_back)
            self.show_again()

    def _way_back(self, flow: Flow, trail: tuple[str, ...]) -> tuple[str, ...]:
        """The trail up to the last step that would be asked again: a consent once given is not."""
        while trail:
            step = flow.steps.get(trail[-1])
            if step is not None and not (isinstance(step, Ask) and step.kind == "consent" and self.c.consent):
                break
            trail = trail[:-1]
        return trail

    def resume(self) -> None:
        """Back to the step that waits here, else to the innermost pause."""
        if self.c.position is None and self.c.stack:
            self._pop()
            if flow := self.flow:
                self.before.append(self.phrases.back_in.format(title=flow.title))
        self.show_again()

    def _pop(self) -> None:
        self.c = replace(self.c, position=self.c.stack[-1], stack=self.c.stack[:-1])

    def show_again(self, *, quiet: bool = False) -> None:
        """The question that stands, once more; without a flow, the menu."""
        stand = self.library.stand(self.c.position) if self.c.position else None
        if self.c.position and stand is None:
            self._lost("")
        elif stand is not None and isinstance(step := stand[1], Ask | Choose | Do | Check):
            self.c = replace(self.c, position=replace(stand[2], stage="", draft=()))
            self.show(stand[0], step)
        elif stand is not None:
            self.enter(stand[0], stand[1], stand[2].trail)
        elif not quiet:
            self.show_menu()

    def stop(self) -> None:
        self.pause()
        self.note("stopped")
        self.reply(self.phrases.stopped, (self.choice("resume"), self.to_menu) if self.c.stack else (self.to_menu,))

    def end(self, step: End) -> None:
        self.note("flow_ended")
        flow = self.flow
        if flow:
            self._ended(flow)
        self.c = replace(self.c, position=None, tried=(), misses=0)
        if step.text:
            self.before.append(self.fill(step.text))
        if flow and flow.kind == "course":
            self.reply("")
            return
        stand = self.library.stand(self.c.stack[-1]) if self.c.stack else None
        if stand and isinstance(stand[1], End):
            # Nothing is left there but its closing words: they are said at once, not asked for.
            self._pop()
            self.end(stand[1])
        elif stand:
            text = self.phrases.go_on_or.format(title=stand[0].title)
            self.reply(text, (self.choice("resume"), self.to_menu, self.person))
        elif flow and flow.kind == "guide" and flow.id != INTAKE and self.may_ask_notices():
            self.ask_notices()
        else:
            self.reply("" if self.before else self.phrases.menu, (self.to_menu, self.person))

    def may_ask_notices(self) -> bool:
        return self.library.asks_notices and self.c.notices == ""

    def ask_notices(self) -> None:
        """Once in a resident's life, after something went well."""
        self.c = replace(self.c, notices="asked")
        self.note("notices_asked")
        yes, no = (Choice(id=f"notices:{how}", label=getattr(self.phrases, f"notices_{how}")) for how in ("yes", "no"))
        self.reply(self.phrases.notices_ask, (yes, no, self.to_menu, self.person))

    def offer_to_go_on(self) -> None:
        if self.c.position or self.c.stack:
            paused = self.c.position or self.c.stack[-1]
            stand = self.library.stand(paused)
            if stand is not None:
                text = self.phrases.go_on_or.format(title=stand[0].title)
                self.reply(text, (self.choice("resume"), self.to_menu, self.person))
                return
        self.show_menu()

    def call_person(self) -> None:
        """Into the intake, which asks for consent, place and problem. A case that waits is gone back to."""
        if self.c.case == "waiting":
            self.pause()
            self.c = replace(self.c, held_by="team", epoch=self.c.epoch + 1, acked_at=self.now)
            self.reply(self.phrases.back_to_waiting, notice=True)
            return
        if self.c.position and self.c.position.flow == INTAKE:
            self.show_again()
            return
        self.note("person_wanted")
        self.start(INTAKE)

    def hand_off(self, step: HandOff) -> None:
        """In the intake: open the case and be mute. Anywhere else: say why, and go to the intake."""
        flow = self.flow
        if flow is None or flow.id != INTAKE:
            if step.text:
                self.before.append(self.fill(step.text))
            # Who comes back goes on from the last question, not to a person once more.
            if self.c.position and (trail := self.c.position.trail):
                self.c = replace(self.c, position=replace(self.c.position, step=trail[-1], trail=trail[:-1]))
            self.start(INTAKE)
            return
        self._open_case(self.c.answers.get("van_de", ""))
        self.reply(self.fill(step.text), notice=True)

    def _is_just_closed(self) -> bool:
        """The team ended a case of theirs so short a while ago that "not done" means that one."""
        closed_at = self.c.closed_at
        return self.c.case == "none" and closed_at is not None and self.now - closed_at <= timedelta(days=REOPEN_DAYS)

    def reopen(self) -> None:
        """What the team has ended is not done: the same case again, and nothing is asked a second time."""
        if not self._is_just_closed() or not self.c.consent:
            self.call_person()
            return
        self.pause()
        self._open_case(self.phrases.feedback_bad, again=True)
        self.reply(self.phrases.reopened, notice=True)

    def _open_case(self, problem: str, *, again: bool = False) -> None:
        paused = self.c.stack[-1] if self.c.stack else None
        stood = self.library.stand(paused) if paused else None
        kept = {key: value for key, value in self.c.answers.items() if key != "van_de"}
        self.effects.append(
            OpenCase(
                topic=stood[0].topic if stood else self.library.index.ask(problem).topic,
                flow=paused.flow if paused else "",
                step=paused.step if paused else "",
                problem=problem,
                answers=kept,
                tried=self.c.tried,
                place=self.c.place,
                again=again,
            )
        )
        self.c = replace(
            self.c, held_by="team", epoch=self.c.epoch + 1, case="waiting", position=None, answers=kept, menu=None,
            acked_at=self.now, tried=(), misses=0,
        )  # fmt: skip
