"""Whether a flow leads somewhere: steps are reached, paths end with success or a person, flows do not go in circles."""

from collections.abc import Iterator, Mapping

from bot.flow import VERDICTS, Check, Choose, End, Flow, Go, HandOff, Problem, Say, Step, ways


def at(flow: Flow, step: Step, message: str) -> Problem:
    return Problem(file=flow.file, line=step.line, where=f"step {step.id!r}", message=message)


def paths(flow: Flow) -> Iterator[Problem]:
    reached = reached_from(flow, flow.first.id)
    for step in flow.steps.values():
        if step.id not in reached:
            yield at(flow, step, "không đường nào tới bước này: dẫn tới nó bằng then, một lựa chọn, hoặc bỏ nó đi")
        if step.then is not None and isinstance(step, Choose | End | HandOff):
            yield at(flow, step, "then ở đây không có tác dụng: bỏ dòng đó")
        elif _needs_next(step) and flow.after(step) is None:
            yield at(flow, step, "đường đứt ở đây: thêm then, hoặc một bước end hay hand_off ngay sau")
    for step in _silent_loops(flow):
        yield at(flow, step, "đi vòng hoài mà không hỏi gì: dẫn ra một bước hỏi, end hoặc hand_off")


def reached_from(flow: Flow, start: str) -> set[str]:
    """The ids of all steps that a step leads to, itself among them."""
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        if here not in reached:
            reached.add(here)
            ahead += ways(flow, flow.steps[here])
    return reached


def between(flows: Mapping[str, Flow]) -> Iterator[Problem]:
    """What only shows when all flows are seen together."""
    leads = {flow.id: [step for step in flow.steps.values() if isinstance(step, Go)] for flow in flows.values()}
    for flow in flows.values():
        for step in leads[flow.id]:
            if step.flow not in flows:
                yield at(flow, step, f"dẫn tới kịch bản {step.flow!r}, mà không có: ghi tên một kịch bản có thật")
            elif flow.id in _flows_from(leads, step.flow):
                yield at(flow, step, f"kịch bản {step.flow!r} lại dẫn về đây: bỏ một trong hai bước go")


def _flows_from(leads: Mapping[str, list[Go]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        if here not in reached:
            reached.add(here)
            ahead += [step.flow for step in leads.get(here, ())]
    return reached


def _needs_next(step: Step) -> bool:
    """Whether the step can lead to the one that follows it."""
    if isinstance(step, Check):
        return set(step.verdicts) != set(VERDICTS)
    return not isinstance(step, Choose | HandOff | End)


def _silent_loops(flow: Flow) -> Iterator[Step]:
    """The first step, in file order, of every round that awaits nothing."""
    told: set[str] = set()
    for step in flow.steps.values():
        path: list[str] = []
        here: str | None = step.id
        while here is not None and here not in path and isinstance(flow.steps[here], Say | Go):
            path.append(here)
            here = flow.after(flow.steps[here])
        if here == step.id and path and step.id not in told:
            told |= set(path)
            yield step
