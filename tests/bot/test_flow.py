"""The flow language: what a file means, and what its author is told about every mistake in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.flow import Ask, Choose, Do, End, Flow, FlowError, parse, ways
from bot.library import INTAKE, Library, OldFlows, load_flows
from bot.model import Position

HEAD = "title: Thử\ntopic: vneid\n"


def flow(steps: str, head: str = HEAD) -> Flow:
    return parse(f"{head}steps:\n{steps}", "thu.yaml")


def mistakes(text: str) -> list[str]:
    with pytest.raises(FlowError) as caught:
        parse(text, "bot/flows/thu.yaml")
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [str(problem) for problem in caught.value.problems]


def test_everything_is_text() -> None:
    one = flow("  a: {choose: Được không ạ., options: {yes: b, 1_000: b, 12:30: b}}\n  b: {end: no}\n")
    choose = one.first
    assert isinstance(choose, Choose)
    assert [option.label for option in choose.options] == ["yes", "1_000", "12:30"]
    assert one.steps["b"] == End(id="b", line=5, text="no")


def test_a_step_keeps_its_keys() -> None:
    one = flow(
        "  a:\n    do: Bấm nút\n    simpler: Bấm\n    picture: a.png\n    stuck:\n      - sign: Hư\n"
        "        also: [hu, bể]\n        say: Sửa\n        then: b\n  b: {end: Xong}\n"
    )
    step = one.first
    assert isinstance(step, Do)
    assert (step.line, step.simpler, step.picture, step.then) == (5, "Bấm", "a.png", None)
    assert (step.stuck[0].sign, step.stuck[0].also, step.stuck[0].then) == ("Hư", ("hu", "bể"), "b")


def test_steps_follow_in_file_order_unless_then_says_else() -> None:
    one = flow("  a: {say: Một, then: c}\n  b: {say: Hai}\n  c: {say: Ba}\n")
    assert [one.after(step) for step in one.steps.values()] == ["c", "c", None]
    assert [list(ways(one, step)) for step in one.steps.values()] == [["c"], ["c"], []]


def test_the_version_is_that_of_the_text() -> None:
    assert flow("  a: {end: Xong}\n").version == flow("  a: {end: Xong}\n").version
    assert flow("  a: {end: Xong}\n").version != flow("  a: {end: Xong.}\n").version


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "đầu tệp phải gồm những dòng"),
        ("title: [", 1, "sai cách viết YAML ở chỗ này"),
        (HEAD, 1, "thiếu 'steps'"),
        (HEAD + "steps: {}\n", 3, "'steps' còn trống"),
        ("topic: x\nsteps: {a: {end: x}}\n", 1, "thiếu 'title'"),
        (HEAD + "colour: red\nsteps: {a: {end: x}}\n", 3, "đầu tệp không có khoá 'colour'"),
        (HEAD + "title: Nữa\nsteps: {a: {end: x}}\n", 3, "'title' có hai lần"),
        (HEAD + "verified_on: hôm qua\nsteps: {a: {end: x}}\n", 3, "verified_on phải là một ngày, viết như 2026-11-21"),
        (HEAD + "remind_hours: nhiều\nsteps: {a: {end: x}}\n", 3, "remind_hours phải là số giờ"),
        (HEAD + "remind_hours: ²\nsteps: {a: {end: x}}\n", 3, "remind_hours phải là số giờ"),
        (HEAD + "remind_hours: 0\nsteps: {a: {end: x}}\n", 3, "remind_hours phải là số giờ"),
        (HEAD + "sources: một\nsteps: {a: {end: x}}\n", 3, "sources phải là danh sách"),
        (HEAD + "moved: {a: b}\nsteps: {a: {end: x}}\n", 3, "moved kể 'a', mà bước đó vẫn còn"),
        (HEAD + "moved: {c: b}\nsteps: {a: {end: x}}\n", 3, "moved dẫn tới 'b', mà không có bước đó"),
        (HEAD + "steps:\n  a: xong\n", 4, "một bước phải bắt đầu bằng động từ"),
        (HEAD + "steps:\n  a: {then: b}\n", 4, "step 'a': mỗi bước có đúng một động từ"),
        (HEAD + "steps:\n  a: {say: x, end: y}\n", 4, "ở đây có say và end"),
        (HEAD + "steps:\n  a: {say: ''}\n", 4, "`say` còn trống"),
        (HEAD + "steps:\n  a: {end: [x]}\n", 4, "end phải là chữ"),
        (HEAD + "steps:\n  a: {end: x, stuck: []}\n", 4, "bước `end` không có khoá 'stuck'"),
        (HEAD + "steps:\n  a: {say: x, then: z}\n", 4, "step 'a': dẫn tới bước 'z', mà không có bước đó"),
        (HEAD + "steps:\n  a: {ask: x, kind: colour, as: y}\n", 4, "không có kind 'colour'"),
        (HEAD + "steps:\n  a: {ask: x}\n", 4, "thiếu `as`"),
        (HEAD + "steps:\n  a: {ask: x, kind: consent}\n", 4, "bước xin phép cần `otherwise`"),
        (HEAD + "steps:\n  a: {choose: x}\n", 4, "`choose` cần `options`"),
        (HEAD + "steps:\n  a: {choose: x, options: {A: a}}\n", 4, "có ít nhất hai lựa chọn"),
        (HEAD + "steps:\n  a: {choose: x, options: {A: a, B: {also: [b]}}}\n", 4, "lựa chọn 'B' không dẫn đi đâu"),
        (HEAD + "steps:\n  a: {choose: x, options: {A: a, A: a, B: a}}\n", 4, "'A' có hai lần trong options"),
        (HEAD + "steps:\n  a: {do: x, stuck: hư}\n", 4, "stuck phải là danh sách"),
        (HEAD + "steps:\n  a:\n    do: x\n    stuck:\n      - sign: Hư\n", 7, "mục stuck thiếu `say`"),
        (HEAD + "steps:\n  a: {check: x, verdicts: {maybe: a}}\n", 4, "verdicts không có khoá 'maybe'"),
    ],
)
def test_a_mistake_names_file_line_and_what_to_do(text: str, line: int, says: str) -> None:
    found = mistakes(text)
    assert any(one.startswith(f"bot/flows/thu.yaml:{line}:") and says in one for one in found), found


def test_all_mistakes_are_told_at_once_in_order_of_lines() -> None:
    found = mistakes(HEAD + "colour: red\nsteps:\n  a: {say: ''}\n  b: {ask: x}\n  c: {say: x, then: z}\n")
    assert [one.split(":")[1] for one in found] == ["3", "5", "6", "7"]


def test_load_reads_every_file_and_tells_all_mistakes(tmp_path: Path) -> None:
    (tmp_path / f"{INTAKE}.yaml").write_text(HEAD + "steps: {a: {hand_off: ''}}", encoding="utf-8")
    (tmp_path / "a.yaml").write_text(HEAD + "steps: {a: {end: x}}", encoding="utf-8")
    assert list(load_flows(tmp_path)) == ["a", INTAKE]
    (tmp_path / "b.yaml").write_text("title: B", encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(FlowError, match=r"(?s)b\.yaml:1.*c\.yaml:1: tệp không phải UTF-8"):
        load_flows(tmp_path)


def test_without_the_intake_nothing_starts(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="không ai gặp được người của tổ"):
        load_flows(tmp_path)


# --- a flow edited under a resident --------------------------------------------------------------------------------

OLD = flow("  a: {say: Một}\n  b: {ask: Tên ạ, as: ten}\n  c: {end: Xong}\n")


def stand(library: Library, new: Flow | None, step: str, *, keep: bool = True) -> tuple[str, str] | None:
    """(version, step) on which somebody stands who stood on this step of OLD."""
    flows = {"thu": new} if new else {}
    old = {("thu", OLD.version): OLD} if keep else {}
    edited = replace(library, flows=flows, old=old)
    position = Position(flow="thu", version=OLD.version, step=step, trail=("a", "weg"), stage="confirm", draft=("1",))
    found = edited.stand(position)
    return (found[2].version, found[2].step) if found else None


def test_unchanged_nobody_moves(library: Library) -> None:
    assert stand(library, OLD, "b") == (OLD.version, "b")


def test_same_step_and_kind_moves_on_to_the_new_text(library: Library) -> None:
    new = flow("  b: {ask: Bác tên chi, as: ten}\n  c: {end: Hết}\n")
    assert stand(library, new, "b") == (new.version, "b")
    assert stand(library, new, "b", keep=False) == (new.version, "b")


def test_a_step_of_another_kind_is_finished_as_it_was(library: Library) -> None:
    new = flow("  b: {say: Chào}\n  c: {end: Hết}\n")
    assert stand(library, new, "b") == (OLD.version, "b")


def test_a_moved_step_is_found_under_its_new_name(library: Library) -> None:
    new = flow("  d: {ask: Bác tên chi, as: ten}\n  c: {end: Hết}\n", HEAD + "moved: {b: d}\n")
    assert stand(library, new, "b") == (new.version, "d")


def test_a_removed_step_or_flow_is_finished_as_it_was(library: Library) -> None:
    new = flow("  c: {end: Hết}\n")
    assert stand(library, new, "b") == (OLD.version, "b")
    assert stand(library, None, "b") == (OLD.version, "b")
    assert stand(library, new, "b", keep=False) is None
    assert stand(library, None, "b", keep=False) is None


def test_an_old_version_is_read_when_it_is_asked_for(library: Library) -> None:
    text = HEAD + "steps:\n  a: {say: Một}\n  b: {end: Xong}\n"
    old = OldFlows({("thu", "1"): text, ("thu", "0"): "steps: [of a form that is no longer read"})
    edited = replace(library, flows={}, old=old)
    found = [edited.stand(Position(flow="thu", version=version, step="a")) for version in ("1", "0", "9")]
    assert [one and one[0].steps["a"] for one in found] == [parse(text, "thu.yaml").steps["a"], None, None]
    assert old[("thu", "1")] is old[("thu", "1")]


def test_whoever_moves_keeps_the_way_back_that_still_exists(library: Library) -> None:
    new = flow("  a: {say: Một}\n  b: {ask: Bác tên chi, as: ten}\n")
    edited = replace(library, flows={"thu": new}, old={("thu", OLD.version): OLD})
    found = edited.stand(Position(flow="thu", version=OLD.version, step="b", trail=("a", "weg"), stage="confirm"))
    assert found is not None
    assert isinstance(found[1], Ask)
    assert found[2] == Position(flow="thu", version=new.version, step="b", trail=("a",))
