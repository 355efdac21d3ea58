"""The first tables: the way of a message (inbox, conversation, outbox, timer, log) and the desk."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# 64 bits on PostgreSQL; plain INTEGER on SQLite, where only that one counts up by itself
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "addressed",
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("inbox_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("chat", "message_id", name=op.f("pk_addressed")),
    )
    op.create_index(op.f("ix_addressed_case_id"), "addressed", ["case_id"], unique=False)
    op.create_table(
        "conversation",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.Column("state_version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_conversation")),
    )
    op.create_table(
        "flow_version",
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("flow", "version", name=op.f("pk_flow_version")),
    )
    op.create_table(
        "hamlet",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hamlet")),
        sa.UniqueConstraint("commune", "key", name=op.f("uq_hamlet_commune_key")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("channel", "chat", "provider_id", name=op.f("uq_inbox_channel_chat_provider_id")),
    )
    op.create_index(
        "ix_inbox_next",
        "inbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL AND id > 0"),
        postgresql_where=sa.text("done_at IS NULL AND id > 0"),
    )
    op.create_index(
        "ix_inbox_open",
        "inbox",
        ["conversation", "id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "log",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("case_id", _ID, nullable=True),
        sa.Column("member_id", sa.Integer(), nullable=True),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log")),
    )
    op.create_index("ix_log_case_id", "log", ["case_id"], unique=False)
    op.create_index("ix_log_kind_at", "log", ["kind", "at"], unique=False)
    op.create_table(
        "media",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("content_type", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_conversation"), "media", ["conversation"], unique=False)
    op.create_index(op.f("ix_media_stored_at"), "media", ["stored_at"], unique=False)
    op.create_table(
        "wanted_file",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wanted_file")),
    )
    op.create_index(op.f("ix_wanted_file_conversation"), "wanted_file", ["conversation"], unique=False)
    op.create_index(op.f("ix_wanted_file_next_at"), "wanted_file", ["next_at"], unique=False)
    op.create_table(
        "miss",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("given_topic", sa.String(), nullable=False),
        sa.Column("handled_at", sa.BigInteger(), nullable=True),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_miss")),
    )
    op.create_index(op.f("ix_miss_at"), "miss", ["at"], unique=False)
    op.create_index(op.f("ix_miss_conversation"), "miss", ["conversation"], unique=False)
    op.create_table(
        "zalo_key",
        sa.Column("oa", sa.String(), nullable=False),
        sa.Column("access", sa.String(), nullable=False),
        sa.Column("refresh", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("refreshed_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.String(), nullable=False),
        sa.Column("refused_buttons", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("oa", name=op.f("pk_zalo_key")),
    )
    op.create_table(
        "held_webhook",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_webhook")),
    )
    op.create_index(op.f("ix_held_webhook_received_at"), "held_webhook", ["received_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("inbox_id", _ID, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("case_id", _ID, nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("marked_at", sa.BigInteger(), nullable=True),
        sa.Column("remote_id", sa.String(), nullable=False),
        sa.Column("quota", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("inbox_id", "place", name=op.f("uq_outbox_inbox_id_place")),
    )
    op.create_index("ix_outbox_chat", "outbox", ["channel", "chat", "id"], unique=False)
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("status = 0 AND next_at > 0"),
        postgresql_where=sa.text("status = 0 AND next_at > 0"),
    )
    op.create_index(
        "ix_outbox_sending",
        "outbox",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("status = 1"),
        postgresql_where=sa.text("status = 1"),
    )
    op.create_table(
        "pause",
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_pause")),
    )
    op.create_index(
        "ix_outbox_next",
        "outbox",
        ["channel", "id"],
        unique=False,
        sqlite_where=sa.text("status = 0"),
        postgresql_where=sa.text("status = 0"),
    )
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["lane", "id"],
        unique=False,
        sqlite_where=sa.text("status < 2"),
        postgresql_where=sa.text("status < 2"),
    )
    op.create_index("ix_outbox_remote", "outbox", ["remote_id", "channel", "chat"], unique=False)
    op.create_index(
        "ix_outbox_copies",
        "outbox",
        ["conversation"],
        unique=False,
        sqlite_where=sa.text("conversation <> channel || ':' || chat"),
        postgresql_where=sa.text("conversation <> channel || ':' || chat"),
    )
    op.create_index(
        "ix_outbox_unknown",
        "outbox",
        ["channel", "chat", "id"],
        unique=False,
        sqlite_where=sa.text("error = 'unknown fate'"),
        postgresql_where=sa.text("error = 'unknown fate'"),
    )
    op.create_table(
        "team",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("rung", sa.String(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("hamlet", sa.String(), nullable=False),
        sa.Column("hamlet_key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("province", "commune", "hamlet", "name", name=op.f("uq_team_province_commune_hamlet_name")),
    )
    op.create_index(op.f("ix_team_commune"), "team", ["commune"], unique=False)
    op.create_index(op.f("ix_team_name"), "team", ["name"], unique=False)
    op.create_table(
        "timer",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_timer")),
    )
    op.create_index(op.f("ix_timer_due_at"), "timer", ["due_at"], unique=False)
    op.create_table(
        "hamlet_alias",
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("hamlet_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["hamlet_id"], ["hamlet.id"], name=op.f("fk_hamlet_alias_hamlet_id")),
        sa.PrimaryKeyConstraint("commune", "key", "hamlet_id", name=op.f("pk_hamlet_alias")),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("called", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("team_id", sa.Integer(), nullable=False),
        sa.Column("rung", sa.String(), nullable=False),
        sa.Column("hamlet", sa.String(), nullable=False),
        sa.Column("hamlet_key", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("telegram_chat", sa.String(), nullable=False),
        sa.Column("telegram_open", sa.Boolean(), nullable=False),
        sa.Column("alert_chat", sa.String(), nullable=False),
        sa.Column("skills", sa.Integer(), nullable=False),
        sa.Column("on_duty", sa.Boolean(), nullable=False),
        sa.Column("on_duty_until", sa.BigInteger(), nullable=True),
        sa.Column("duty_from_minute", sa.Integer(), nullable=False),
        sa.Column("duty_to_minute", sa.Integer(), nullable=False),
        sa.Column("duty_days", sa.Integer(), nullable=False),
        sa.Column("open_cases", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("households", sa.Integer(), nullable=False),
        sa.Column("idle_since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_member_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
    )
    op.create_index(
        "ix_member_commune",
        "member",
        ["commune"],
        unique=False,
        sqlite_where=sa.text("on_duty"),
        postgresql_where=sa.text("on_duty"),
    )
    op.create_index(
        "ix_member_lease",
        "member",
        ["on_duty_until"],
        unique=False,
        sqlite_where=sa.text("on_duty_until IS NOT NULL"),
        postgresql_where=sa.text("on_duty_until IS NOT NULL"),
    )
    op.create_index(
        "ix_member_pos",
        "member",
        ["lat", "lon"],
        unique=False,
        sqlite_where=sa.text("on_duty"),
        postgresql_where=sa.text("on_duty"),
    )
    op.create_index(op.f("ix_member_team_id"), "member", ["team_id"], unique=False)
    op.create_index(op.f("ix_member_telegram_chat"), "member", ["telegram_chat"], unique=False)
    op.create_table(
        "canned_reply",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name=op.f("fk_canned_reply_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_reply")),
    )
    op.create_index(op.f("ix_canned_reply_owner_id"), "canned_reply", ["owner_id"], unique=False)
    op.create_table(
        "case",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("flow", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("tried", sa.JSON(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("hamlet", sa.String(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.Column("ladder", sa.JSON(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=True),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("promised_at", sa.BigInteger(), nullable=True),
        sa.Column("warned", sa.Boolean(), nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("again_at", sa.BigInteger(), nullable=True),
        sa.Column("remind_at", sa.BigInteger(), nullable=True),
        sa.Column("reminders", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("visit_on", sa.String(), nullable=False),
        sa.Column("served_in", sa.String(), nullable=False),
        sa.Column("topic_thread", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["member.id"], name=op.f("fk_case_holder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case")),
    )
    op.create_index(op.f("ix_case_holder_id"), "case", ["holder_id"], unique=False)
    op.create_index("ix_case_holders", "case", ["conversation", "id"], unique=False)
    op.create_index(
        "ix_case_one_open",
        "case",
        ["conversation"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(op.f("ix_case_topic_thread"), "case", ["topic_thread"], unique=False)
    op.create_index(
        "ix_case_waiting",
        "case",
        ["commune"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "channel_log",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("verified", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_log")),
    )
    op.create_index(op.f("ix_channel_log_at"), "channel_log", ["at"], unique=False)
    op.create_index("ix_channel_log_channel", "channel_log", ["channel", "id"], unique=False)
    op.create_table(
        "joined",
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("resident", sa.String(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("conversation", name=op.f("pk_joined")),
    )
    op.create_index(op.f("ix_joined_resident"), "joined", ["resident"], unique=False)
    op.create_table(
        "join_code",
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("conversation", name=op.f("pk_join_code")),
        sa.UniqueConstraint("code", name=op.f("uq_join_code_code")),
    )
    op.create_table(
        "colleague",
        sa.Column("case_id", _ID, autoincrement=False, nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["member.id"], name=op.f("fk_colleague_asked_by")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_colleague_member_id")),
        sa.PrimaryKeyConstraint("case_id", "member_id", name=op.f("pk_colleague")),
    )
    op.create_table(
        "leave",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("hand_on_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_leave_member_id")),
        sa.PrimaryKeyConstraint("member_id", "first_day", name=op.f("pk_leave")),
    )
    op.create_table(
        "note",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_note_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index(op.f("ix_note_case_id"), "note", ["case_id"], unique=False)
    op.create_table(
        "offer",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("rung", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_offer_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
    )
    op.create_index(op.f("ix_offer_case_id"), "offer", ["case_id"], unique=False)
    op.create_index(op.f("ix_offer_member_id"), "offer", ["member_id"], unique=False)
    op.create_table(
        "push_subscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("p256dh", sa.String(), nullable=False),
        sa.Column("auth", sa.String(), nullable=False),
        sa.Column("offer_mark", _ID, nullable=False),
        sa.Column("inbox_mark", _ID, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_push_subscription_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_subscription")),
        sa.UniqueConstraint("endpoint", name=op.f("uq_push_subscription_endpoint")),
    )
    op.create_index(op.f("ix_push_subscription_member_id"), "push_subscription", ["member_id"], unique=False)
    op.create_table(
        "sign_in",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_sign_in_member_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in")),
    )
    op.create_table(
        "visit",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("case_id", _ID, nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("hamlet", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("done_by", sa.Integer(), nullable=True),
        sa.Column("result", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["member.id"], name=op.f("fk_visit_asked_by")),
        sa.ForeignKeyConstraint(["done_by"], ["member.id"], name=op.f("fk_visit_done_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    op.create_index(op.f("ix_visit_case_id"), "visit", ["case_id"], unique=False)
    op.create_index(
        "ix_visit_open",
        "visit",
        ["commune", "day"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "certificate",
        sa.Column("member_id", sa.Integer(), nullable=False),
        sa.Column("course", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("first", sa.JSON(), nullable=False),
        sa.Column("solved", sa.JSON(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("passed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_certificate_member_id")),
        sa.PrimaryKeyConstraint("member_id", "course", "version", name=op.f("pk_certificate")),
    )
    op.create_table(
        "notice",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("hamlet", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("channels", sa.String(), nullable=False),
        sa.Column("send_from", sa.BigInteger(), nullable=False),
        sa.Column("send_until", sa.BigInteger(), nullable=False),
        sa.Column("written_by", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("returned_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("judged_by", sa.Integer(), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("stopped_at", sa.BigInteger(), nullable=True),
        sa.Column("stopped_by", sa.Integer(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["judged_by"], ["member.id"], name=op.f("fk_notice_judged_by")),
        sa.ForeignKeyConstraint(["stopped_by"], ["member.id"], name=op.f("fk_notice_stopped_by")),
        sa.ForeignKeyConstraint(["written_by"], ["member.id"], name=op.f("fk_notice_written_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_notice_approved_at"), "notice", ["approved_at"], unique=False)
    op.create_table(
        "notice_to",
        sa.Column("notice_id", _ID, autoincrement=False, nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("fate", sa.String(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("inbox_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_notice_to_notice_id")),
        sa.PrimaryKeyConstraint("notice_id", "conversation", name=op.f("pk_notice_to")),
    )
    op.create_index(
        "ix_notice_to_due",
        "notice_to",
        ["channel", "next_at"],
        unique=False,
        sqlite_where=sa.text("fate = 'waiting'"),
        postgresql_where=sa.text("fate = 'waiting'"),
    )
    op.create_index("ix_notice_to_conversation", "notice_to", ["conversation", "given_at"], unique=False)
    op.create_index("ix_notice_to_given", "notice_to", ["channel", "given_at"], unique=False)
    op.create_index(
        "ix_notice_to_open",
        "notice_to",
        ["notice_id"],
        unique=False,
        sqlite_where=sa.text("fate IN ('waiting', 'given')"),
        postgresql_where=sa.text("fate IN ('waiting', 'given')"),
    )
    op.create_table(
        "reader",
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("hamlet", sa.String(), nullable=False),
        sa.Column("hamlet_key", sa.String(), nullable=False),
        sa.Column("wish", sa.String(), nullable=False),
        sa.Column("wished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("conversation", name=op.f("pk_reader")),
    )
    op.create_index("ix_reader_place", "reader", ["province", "commune"], unique=False)
    op.create_table(
        "survey_answer",
        sa.Column("survey", sa.String(), nullable=False),
        sa.Column("respondent", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("commune", sa.String(), nullable=False),
        sa.Column("province", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("survey", "respondent", "question", name=op.f("pk_survey_answer")),
    )
    op.create_index(op.f("ix_survey_answer_at"), "survey_answer", ["at"], unique=False)
    op.create_index(op.f("ix_survey_answer_respondent"), "survey_answer", ["respondent"], unique=False)
