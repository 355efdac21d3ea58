"""Everything an operator can set, read once from the environment (or a .env file) and passed on.

Absent: the channel is off. Half-set: the start is refused and every missing name is told. No secret has a default.
"""

import secrets
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(ValueError):
    """Settings with which the service must not start. The message names each one and what to do."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GOCUA_", env_file=".env", extra="ignore", frozen=True)

    database_url: str = "sqlite:///gocua.db"
    #: where residents reach us, without a slash at the end; empty: no webhooks, Telegram is polled
    public_url: str = ""
    #: signs cookies and links; empty: one is made at the first start and kept beside the database
    secret_key: SecretStr = SecretStr("")
    #: codes of the provinces served: they break ties between places of one name
    home_provinces: tuple[str, ...] = ("79", "82")
    telegram_token: SecretStr = SecretStr("")
    telegram_secret: SecretStr = SecretStr("")
    telegram_api: str = "https://api.telegram.org"
    #: the team's own group, where any member answers by replying; empty: none
    telegram_team_chat: str = ""
    #: a forum topic for each case in that group
    telegram_team_topics: bool = False
    #: for so long a member can take back what they write from their own chat; 0: it goes at once
    member_undo_seconds: int = Field(default=10, ge=0, le=60)
    #: a sample directory is put into an empty database
    demo: bool = False
    #: pictures and files lie here; empty: "media" beside the database
    media_folder: str = ""
    #: hours of the day, Vietnam time, in which members are asked
    day_starts_hour: int = Field(default=7, ge=0, le=23)
    day_ends_hour: int = Field(default=21, ge=1, le=24)

    @model_validator(mode="after")
    def _whole(self) -> "Settings":
        missing: list[str] = []
        if self.public_url and urlsplit(self.public_url).scheme not in ("http", "https"):
            missing.append("GOCUA_PUBLIC_URL must start with https:// (or http:// for a trial)")
        token, secret = self.telegram_token.get_secret_value(), self.telegram_secret.get_secret_value()
        if token and self.public_url and not secret:
            missing.append("GOCUA_TELEGRAM_SECRET is missing: any 16-256 letters, digits, _ or -; it proves that a "
                           "webhook comes from Telegram")  # fmt: skip
        if not token and (secret or self.telegram_team_chat):
            missing.append("GOCUA_TELEGRAM_TOKEN is missing while other GOCUA_TELEGRAM_ settings are set: get it from "
                           "@BotFather, or take the others away")  # fmt: skip
        if secret and not all((c.isalnum() and c.isascii()) or c in "_-" for c in secret):
            missing.append("GOCUA_TELEGRAM_SECRET may hold only letters, digits, _ and -")
        if self.telegram_team_chat and not self.telegram_team_chat.lstrip("-").isdigit():
            missing.append("GOCUA_TELEGRAM_TEAM_CHAT must be a chat's number, such as -1001234567890")
        if self.telegram_team_topics and not self.telegram_team_chat:
            missing.append("GOCUA_TELEGRAM_TEAM_CHAT is missing while GOCUA_TELEGRAM_TEAM_TOPICS is set: the number of "
                           "a group with topics on, in which the bot may manage topics")  # fmt: skip
        if not self.database_url.startswith(("sqlite:///", "postgresql")):
            missing.append("GOCUA_DATABASE_URL must be sqlite:///FILE or postgresql+psycopg://...")
        if missing:
            raise ValueError("\n".join(missing))
        return self

    @property
    def database_file(self) -> Path | None:
        """The file of an SQLite database; None on PostgreSQL."""
        if not self.database_url.startswith("sqlite:///"):
            return None
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def data_folder(self) -> Path:
        """Where this installation keeps files of its own: beside the SQLite file, else here."""
        return (self.database_file or Path("gocua")).absolute().parent

    @property
    def media(self) -> Path:
        return Path(self.media_folder) if self.media_folder else self.data_folder / "gocua-media"

    def signing_key(self) -> str:
        """GOCUA_SECRET_KEY, else the key kept beside the database, made at the first start and readable by us alone."""
        if given := self.secret_key.get_secret_value():
            return given
        path = self.data_folder / "gocua.secret"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(48), encoding="ascii")
        return path.read_text(encoding="ascii").strip()


def load(**given: object) -> Settings:
    """The settings of this process. Raises SettingsError naming every wrong or missing one."""
    try:
        return Settings(**given)  # type: ignore[arg-type] # pydantic checks them
    except ValidationError as error:
        lines: list[str] = []
        for problem in error.errors():
            name = "GOCUA_" + "_".join(map(str, problem["loc"])).upper() + ": " if problem["loc"] else ""
            lines += [name + line for line in problem["msg"].removeprefix("Value error, ").splitlines()]
        raise SettingsError("\n".join(lines)) from error
