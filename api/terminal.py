"""`gocua chat`: a talk with the engine in a terminal, kept in memory, which can be written down as a transcript."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from bot import record, transcript
from bot.engine import advance
from bot.library import Library
from bot.model import Conversation, Inbound, OpenCase, Relay, Reply
from bot.transcript import Exchange, Transcript
from knowledge.secrets import redact


def talk(
    library: Library,
    now: Callable[[], datetime],
    ask: Callable[[str], str],
    tell: Callable[[str], None],
    file: Path | None,
) -> None:
    """Until the input ends. A number or a label picks a choice; the state goes through JSON after every turn."""
    conversation = Conversation(channel="terminal", chat="1")
    exchanges: list[Exchange] = []
    tell("Gõ Cửa: nhắn gì đó rồi Enter. Số hoặc tên nút để chọn, Ctrl-D để thôi.")
    while True:
        try:
            text = ask("Bác> ").strip()
        except (EOFError, KeyboardInterrupt):
            break
        if not text:
            continue
        found = redact(text)
        said = Inbound(channel="terminal", chat="1", message_id=str(len(exchanges)), sent_at=now(), text=found.text,
                       secrets=found.found)  # fmt: skip
        turn = advance(library, conversation, said, now())
        exchanges.append(transcript.answered(Exchange(does="resident", what=found.text), turn))
        conversation = record.read(Conversation, json.loads(json.dumps(record.to_json(turn.conversation))))
        for effect in turn.effects:
            match effect:
                case Reply():
                    choices = "".join(f"\n  {place}. {one.label}" for place, one in enumerate(effect.choices, 1))
                    tell(f"\n{effect.text}{choices}\n")
                case OpenCase():
                    tell("  (hồ sơ đã mở; ở đây không có người của tổ, gõ “gặp bot” để quay lại)")
                case Relay():
                    tell("  (chuyển cho người của tổ)")
                case _:
                    pass
    if file:
        whole = Transcript(about="Ghi từ gocua chat", home=library.home, exchanges=tuple(exchanges))
        file.write_text(transcript.write(whole), encoding="utf-8")
        tell(f"Đã ghi {len(exchanges)} lượt vào {file}.")
