"""The `gocua` command: every verb that is typed, by who types it. Each is a few lines over a room."""

import click

from api.cli import answers, content, operating, people


@click.group(context_settings={"max_content_width": 120})
def app() -> None:
    """Gõ Cửa: trợ lý trò chuyện của Tổ công nghệ số cộng đồng."""


@app.group()
def member() -> None:
    """Người của tổ."""


@app.group()
def members() -> None:
    """Danh sách người của tổ, từ Excel hoặc CSV."""


@app.group()
def zalo() -> None:
    """Zalo Official Account."""


@app.group()
def channel() -> None:
    """Các kênh: Zalo OA, Zalo Bot, Messenger, Telegram."""


for _group, _verbs in (
    (app, (operating.serve, operating.migrate, operating.backup, operating.restore, operating.move_to)),
    (app, (operating.trace, operating.doctor_command)),
    (zalo, (operating.zalo_connect_command,)),
    (channel, (operating.channel_probe,)),
    (app, (content.chat, content.check, content.schema_command, content.learn)),
    (app, (answers.ask, answers.place, answers.scam, answers.redact)),
    (member, (people.member_link,)),
    (members, (people.members_template, people.members_import)),
    (app, (people.qr,)),
):
    for _verb in _verbs:
        _group.add_command(_verb)
