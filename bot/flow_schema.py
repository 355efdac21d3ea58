"""The flow language as a JSON Schema, so that an author's editor completes keys and marks mistakes while they type.

Made from what bot/flow.py takes, never kept by hand: docs/flow.schema.json is this text, and a test holds it to that.
It knows the shape alone; whether steps lead somewhere is the parser's and bot/check.py's question.
"""

import json
from typing import Any

from bot import flow

_TEXT: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_TEXTS: dict[str, Any] = {"type": "array", "items": _TEXT}
_DAY: dict[str, Any] = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
#: what each key means to its author
_MEANING = {
    "title": "Tên bà con thấy trên nút",
    "kind": "guide: dẫn bà con (bỏ trống cũng vậy); survey: khảo sát; course: bài học cho người của tổ",
    "topic": "Chủ đề: tên thư mục trong knowledge/articles/",
    "asked_as": "8-15 cách bà con hỏi, có câu không dấu, có câu miền Nam",
    "verified_on": "Ngày đã đối chiếu với nguồn, như 2026-11-21",
    "expires_on": "Quá ngày này phải xem lại: tối đa 6 tháng sau verified_on",
    "sources": "Nguồn: báo, luật, trang, kèm ngày; con số nào trong lời mà không ghi năm thì ghi ở đây",
    "owner": "Ai lo xem lại",
    "remind_hours": "Bà con im lặng bấy nhiêu giờ thì hỏi lại một lần, 1-720, bỏ trống là 20",
    "moved": "Bước đổi mã: {ma-cu: ma-moi}",
    "steps": "Các bước, theo thứ tự",
    "say": "Nói rồi đi tiếp",
    "ask": "Hỏi và nhớ câu trả lời",
    "choose": "Hỏi và cho chọn",
    "do": "Một việc trên máy",
    "check": "Mời dán tin nhắn, đường dẫn để xem dấu hiệu lừa đảo",
    "go": "Sang kịch bản khác, xong thì về bước kế",
    "hand_off": "Mời người của tổ",
    "end": "Lời kết",
    "then": "Mã bước đi tiếp; bỏ trống là bước kế trong tệp",
    "simpler": "Nói lại cho dễ hiểu khi bà con chưa hiểu",
    "picture": "Hình kèm theo",
    "as": "Mã để câu sau dùng lại câu trả lời: {ma}",
    "otherwise": "Mã bước khi bà con bỏ qua hay không đồng ý",
    "options": "Các nút: {Tên nút: ma-buoc}; trong bài học là một danh sách",
    "right": "Câu trả lời đúng (chỉ trong bài học)",
    "because": "Vì sao các câu kia sai (chỉ trong bài học)",
    "stuck": "Những chỗ hay vướng, và lời gỡ",
    "verdicts": "Đi đâu theo kết quả xem xét",
    "sign": "Chỗ vướng bằng lời bà con, thành một nút",
    "also": "Những cách khác bà con gõ",
}
_KIND_OF_ANSWER = "Kiểu câu trả lời; bỏ trống là text"


def schema_text() -> str:
    """The whole file, ending with a line break."""
    return json.dumps(_schema(), ensure_ascii=False, indent=2) + "\n"


def _schema() -> dict[str, Any]:
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Kịch bản Gõ Cửa",
        **_object(flow.FLOW_KEYS, ("title", "topic", "steps"), _head),
        "definitions": {
            "step": {"oneOf": [_step(verb) for verb in flow.STEP_KEYS]},
            "stuck": _object(flow.STUCK_KEYS, ("sign", "say"), lambda key: _TEXTS if key == "also" else _TEXT),
            "option": _object(flow.OPTION_KEYS, ("then",), lambda key: _TEXTS if key == "also" else _TEXT),
        },
    }


def _object(keys: Any, needed: tuple[str, ...], shape: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(needed),
        "additionalProperties": False,
        "properties": {key: {"description": _MEANING[key], **shape(key)} for key in sorted(keys)},
    }


def _head(key: str) -> dict[str, Any]:
    match key:
        case "kind":
            return {"enum": list(flow.KINDS)}
        case "asked_as" | "sources":
            return _TEXTS
        case "verified_on" | "expires_on":
            return _DAY
        case "moved":
            return {"type": "object", "additionalProperties": _TEXT}
        case "steps":
            return {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/definitions/step"}}
    return _TEXT


def _step(verb: str) -> dict[str, Any]:
    keys = {verb, *flow.STEP_KEYS[verb], *flow.COMMON_KEYS}
    made = _object(keys - {"kind"}, (verb,), _of_step)
    if "kind" in keys:
        made["properties"]["kind"] = {"description": _KIND_OF_ANSWER, "enum": list(flow.ASK_KINDS)}
    if verb == "choose":
        made["required"].append("options")
    return {"title": verb, **made}


def _of_step(key: str) -> dict[str, Any]:
    match key:
        case "options":
            one = {"anyOf": [_TEXT, {"$ref": "#/definitions/option"}]}
            return {"anyOf": [{"type": "object", "minProperties": 2, "additionalProperties": one}, _TEXTS]}
        case "stuck":
            return {"type": "array", "items": {"$ref": "#/definitions/stuck"}}
        case "verdicts":
            known = dict.fromkeys(flow.VERDICTS, _TEXT)
            return {"type": "object", "additionalProperties": False, "properties": known}
    return _TEXT
