"""What the bot says by itself: phrases.yaml as typed fields. A missing phrase stops the start, not a talk."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """One field a phrase, named as in the file. {names} in a phrase are filled in with str.format."""

    greeting: str
    menu: str
    menu_topic: str
    menu_more: str
    menu_person: str
    menu_list: str
    can_do: str
    done: str
    stuck: str
    person: str
    back: str
    fixed: str
    still: str
    resume: str
    again: str
    stop: str
    skip: str
    yes: str
    no: str
    agree: str
    disagree: str
    unknown: str
    start_flow: str
    expired: str
    which_sign: str
    other_sign: str
    try_person: str
    tell_trouble: str
    go_on: str
    back_in: str
    go_on_or: str
    did_you_mean: str
    not_that: str
    not_that_say: str
    more_guides: str
    stopped: str
    nothing_back: str
    old_button: str
    edited: str
    thanks: str
    secret_warning: str
    no_text: str
    photo_here: str
    lost_place: str
    remind: str
    repair_first: str
    simpler: str
    in_pieces: str
    repair_choices: str
    repair_open: str
    repair_person: str
    repair_last: str
    bad_phone: str
    bad_date: str
    bad_number: str
    bad_photo: str
    check_scam: str
    check_suspicious: str
    check_unknown: str
    place_known: str
    place_change: str
    place_again: str
    place_retype: str
    place_which: str
    place_none: str
    place_confirm: str
    place_confirm_old: str
    place_province: str
    place_district: str
    place_commune: str
    place_unknown: str
    place_hamlet: str
    pin_which: str
    waiting_ack: str
    not_carried: str
    taken: str
    waits: str
    waits_late: str
    queue_place: str
    reopened: str
    passed: str
    closed_solved: str
    closed_visit: str
    closed_passed_on: str
    closed_no_answer: str
    closed_resident_left: str
    closed_handed_back: str
    step_shown: str
    handed_back: str
    feedback_good: str
    feedback_bad: str
    left_team: str
    still_waiting: str
    back_to_waiting: str
    forget_sure: str
    forget_yes: str
    forget_no: str
    forgotten: str
    join_code: str
    join_own: str
    join_same: str
    join_wrong: str
    join_too_many: str
    join_sure: str
    join_yes: str
    join_no: str
    join_dropped: str
    joined: str
    unjoined: str
    not_joined: str
    case_here: str
    erased_elsewhere: str
    forget_sure_joined: str
    forgotten_joined: str
    kept: str
    crashed: str
    quiz_right: str
    quiz_wrong: str
    survey_done: str
    survey_change: str
    notices_ask: str
    notices_yes: str
    notices_no: str
    notices_on: str
    notices_off: str
    notices_stop: str
    aloud_on: str
    aloud_off: str
    aloud_never: str
    aloud_not_here: str
    aloud_failed: str

    @classmethod
    def load(cls, path: Path) -> "Phrases":
        """Raises ValueError naming the phrases that are missing or unknown."""
        read = _read(path)
        if missing := sorted({field.name for field in fields(cls)} - read.keys()):
            raise ValueError(f"{path}:1: thiếu câu {', '.join(missing)}: thêm vào tệp")
        return cls(**read)

    def said_otherwise(self, path: Path) -> "Phrases":
        """These, but for those that `path` has. Raises ValueError naming a phrase that is unknown."""
        return replace(self, **_read(path))


def _read(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    read: dict[str, str] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 BaseLoader makes text only
    known = {field.name for field in fields(Phrases)}
    for number, line in enumerate(text.splitlines(), 1):
        name = line.partition(":")[0].strip('"')
        if name in read and name not in known:
            raise ValueError(f"{path}:{number}: không có câu nào tên {name!r}: bỏ ra, hoặc thêm vào phrases.py")
    return {name: text.strip() for name, text in read.items()}
