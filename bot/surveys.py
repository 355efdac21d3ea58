"""What sets a survey apart from a guide: numbered questions, each of which can be skipped. Only reads flows."""

from bot.flow import Ask, Choose, Flow, Step

#: what is kept as the answer to a survey's consent step: the proof of it, with its time and the flow's version
AGREED = "đồng ý"


def questions(flow: Flow) -> tuple[str, ...]:
    """The ids of what is asked, in file order; consent is no question."""
    return tuple(step.id for step in flow.steps.values() if is_question(flow, step))


def is_question(flow: Flow, step: Step) -> bool:
    return flow.kind == "survey" and (isinstance(step, Choose) or (isinstance(step, Ask) and step.kind != "consent"))


def numbered(flow: Flow, step: Step, text: str) -> str:
    """ "Câu 3/8. Bác có …" for a question of a survey; anything else as it is."""
    if not is_question(flow, step):
        return text
    asked = questions(flow)
    return f"Câu {asked.index(step.id) + 1}/{len(asked)}. {text}"
