"""Several Official Accounts or pages of one app: the file that GOCUA_CHANNELS_FILE names.

    zalo_oa:
      - {oa_id: "123", oa_secret: ..., refresh_token: ..., buttons: "off"}
    messenger:
      - {page_id: "456", page_token: ...}

They stand beside the one that the other settings name. Holds secrets: readable by the service alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.channels.zalo_oa import Buttons


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One Zalo Official Account as the operator set it. `webhook_secret` signs its webhooks."""

    oa: str
    webhook_secret: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    buttons: Buttons = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One Facebook page beside the first."""

    page: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    accounts: tuple[Account, ...] = ()
    pages: tuple[Page, ...] = ()


def read(path: Path) -> Several:
    """Raises ValueError naming the file and each thing to mend, a line each. Values are text; nothing is coerced."""
    try:
        given = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 # BaseLoader makes only text
    except OSError as error:
        raise ValueError(f"GOCUA_CHANNELS_FILE: không đọc được {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"GOCUA_CHANNELS_FILE: {path} không phải YAML: {error}") from error
    problems: list[str] = []
    if not isinstance(given, dict) or given.keys() - {"zalo_oa", "messenger"}:
        raise ValueError(f"GOCUA_CHANNELS_FILE: {path} chỉ được có hai danh sách zalo_oa và messenger")
    accounts = [
        Account(
            oa=one["oa_id"], webhook_secret=one["oa_secret"], refresh_token=one.get("refresh_token", ""),
            buttons=_buttons(one.get("buttons", "off"), problems, f"{path}: zalo_oa {one['oa_id']}"),
        )
        for one in _entries(given, "zalo_oa", ("oa_id", "oa_secret"), ("refresh_token", "buttons"), path, problems)
    ]  # fmt: skip
    pages = [
        Page(page=one["page_id"], token=one["page_token"])
        for one in _entries(given, "messenger", ("page_id", "page_token"), (), path, problems)
    ]
    for name, ids in (("oa_id", [one.oa for one in accounts]), ("page_id", [one.page for one in pages])):
        problems += [f"{path}: {name} {one} có hai lần" for one in sorted(set(ids)) if ids.count(one) > 1]
    if problems:
        raise ValueError("\n".join(problems))
    return Several(accounts=tuple(accounts), pages=tuple(pages))


def _entries(
    given: dict[str, Any], name: str, must: Sequence[str], may: Sequence[str], path: Path, problems: list[str]
) -> list[dict[str, str]]:
    """The entries of a list that are whole; what is wrong with the others goes to `problems`."""
    whole: list[dict[str, str]] = []
    listed = given.get(name) or []
    if not isinstance(listed, list):
        problems.append(f"{path}: {name} phải là một danh sách")
        return whole
    for place, one in enumerate(listed, 1):
        where = f"{path}: {name}, mục {place}"
        if not isinstance(one, dict) or not all(isinstance(value, str) for value in one.values()):
            problems.append(f"{where}: phải gồm các cặp tên và chữ")
            continue
        lacks = [key for key in must if not one.get(key)]
        strange = [key for key in one if key not in (*must, *may)]
        problems += [f"{where}: thiếu {key}" for key in lacks]
        problems += [f"{where}: không có mục nào tên {key}" for key in strange]
        if not lacks:
            whole.append(one)
    return whole


def _buttons(given: str, problems: list[str], where: str) -> Buttons:
    match given:
        case "off" | "form1" | "form3":
            return given
    problems.append(f"{where}: buttons phải là off, form1 hoặc form3, không phải {given}")
    return "off"
