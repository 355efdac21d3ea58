"""Everything an operator can set, read once from the environment (or a .env file) and passed on.

Absent: the channel is off. Half-set: the start is refused and every missing name is told. No secret has a default.
"""

import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import pydantic_settings
from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.channels_file import Account, Page, Several
from api.channels_file import read as read_channels
from api.data_folder import made_once
from bot.channels.zalo_oa import Buttons

#: a channel, where its values are found, and the settings that go together
_CHANNELS = (
    ("Zalo OA", "xem docs/channels/zalo-oa.md",
     ("zalo_oa_app_id", "zalo_oa_app_secret", "zalo_oa_oa_secret", "zalo_oa_oa_id")),
    ("Zalo Bot", "xem docs/channels/zalo-bot.md", ("zalo_bot_token", "zalo_bot_secret")),
    ("Messenger", "xem docs/channels/messenger.md",
     ("messenger_page_token", "messenger_app_secret", "messenger_verify_token")),
)  # fmt: skip
#: what pydantic has against a value, by the name that it gives it
_WRONG = {
    "int_parsing": "phải là một số nguyên",
    "bool_parsing": "phải là true hoặc false",
    "greater_than_equal": "ít nhất là {ge}",
    "less_than_equal": "nhiều nhất là {le}",
    "literal_error": "phải là một trong {expected}",
}
#: as a browser writes it; http only for a trial
_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


class SettingsError(ValueError):
    """Settings with which the service must not start. The message names each one and what to do."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="GOCUA_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    database_url: str = "sqlite:///gocua.db"
    #: this installation's own files: its keys, pictures, sounds. All processes share it
    data_folder: Path = Field(default_factory=lambda given: _beside(given["database_url"]))
    #: where residents reach us, without a slash at the end; empty: no webhooks, Telegram is polled
    public_url: str = ""
    #: signs cookies and links; empty: one is made at the first start and kept in data_folder
    secret_key: SecretStr = SecretStr("")
    #: codes of the provinces served: they break ties between places of one name
    home_provinces: tuple[str, ...] = ("79", "82")
    telegram_token: SecretStr = SecretStr("")
    telegram_secret: SecretStr = SecretStr("")
    telegram_api: str = "https://api.telegram.org"
    #: one app may serve several Official Accounts: see channels_file
    zalo_oa_app_id: str = ""
    zalo_oa_app_secret: SecretStr = SecretStr("")
    #: signs what Zalo sends: the key of the webhook page, not the app's own
    zalo_oa_oa_secret: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices("GOCUA_ZALO_OA_OA_SECRET", "GOCUA_ZALO_OA_SECRET")
    )
    zalo_oa_oa_id: str = Field(default="", validation_alias=AliasChoices("GOCUA_ZALO_OA_OA_ID", "GOCUA_ZALO_OA_ID"))
    #: begins the chain of keys; empty: `gocua zalo connect` does
    zalo_oa_refresh_token: SecretStr = SecretStr("")
    zalo_oa_api: str = "https://openapi.zalo.me"
    zalo_oa_oauth: str = "https://oauth.zaloapp.com"
    #: the form of buttons that was seen to work on this OA; off: numbered text
    zalo_oa_buttons: Buttons = "off"
    #: a public address of the picture on the form that asks for a phone number
    zalo_oa_form_picture: str = ""
    #: the code with which Zalo verifies that this address is ours
    zalo_verify: str = ""
    zalo_bot_token: SecretStr = SecretStr("")
    zalo_bot_secret: SecretStr = SecretStr("")
    zalo_bot_api: str = "https://bot-api.zaloplatforms.com"
    messenger_page_token: SecretStr = SecretStr("")
    messenger_app_secret: SecretStr = SecretStr("")
    messenger_verify_token: SecretStr = SecretStr("")
    #: tells our own echoes from those of other apps
    messenger_app_id: str = ""
    messenger_api: str = "https://graph.facebook.com"
    #: further Official Accounts and pages; see api/channels_file.py
    channels_file: str = ""
    #: the team's own group, where any member answers by replying; empty: none
    telegram_team_chat: str = ""
    #: of one resident on Telegram; what is beyond waits at Telegram, in its order. 0: all is taken as it comes
    most_a_minute: int = Field(default=120, ge=0)
    #: a forum topic for each case in that group
    telegram_team_topics: bool = False
    #: for so long a member can take back what they write from their own chat; 0: it goes at once
    member_undo_seconds: int = Field(default=10, ge=0, le=60)
    #: the sites whose pages may frame the web chat, separated by commas: "https://xa-a.gov.vn,https://xa-b.gov.vn"
    chat_origins: str = ""
    #: a sample directory is put into an empty database
    demo: bool = False
    #: pictures and files lie here; empty: "gocua-media" in data_folder
    media_folder: str = ""
    #: reads words from its input and makes a sound of them, such as "espeak-ng -v vi --stdin -w {out}"; or a service
    #: that answers words with a sound. Both empty: nothing is read aloud
    speech_command: str = ""
    speech_url: str = ""
    #: who sends it may read /metrics; empty: this machine alone
    metrics_token: SecretStr = SecretStr("")
    #: days that what was said is kept once it is done; 0: for good
    keep_days: int = Field(default=365, ge=0)
    #: a passphrase: copies that `gocua backup` makes are encrypted with it
    backup_key: SecretStr = SecretStr("")
    #: residents are asked, once, whether they want the notices of their commune
    notices: bool = True
    #: a resident gets no more notices than this in a day, whoever wrote them: further ones wait for the next day
    notices_a_day: int = Field(default=1, ge=1, le=20)
    #: hours of the day, Vietnam time, in which members are asked
    day_starts_hour: int = Field(default=7, ge=0, le=23)
    day_ends_hour: int = Field(default=21, ge=1, le=24)

    @model_validator(mode="after")
    def _whole(self) -> "Settings":
        missing: list[str] = []
        if self.public_url and urlsplit(self.public_url).scheme not in ("http", "https"):
            missing.append("GOCUA_PUBLIC_URL phải bắt đầu bằng https:// (chạy thử thì http:// cũng được)")
        if self.day_starts_hour >= self.day_ends_hour:
            missing.append("GOCUA_DAY_STARTS_HOUR phải sớm hơn GOCUA_DAY_ENDS_HOUR")
        token, secret = self.telegram_token.get_secret_value(), self.telegram_secret.get_secret_value()
        if token and self.public_url and not secret:
            missing.append("thiếu GOCUA_TELEGRAM_SECRET: tự đặt 16 đến 256 chữ không dấu, số, _ hoặc -; nhờ nó mà biết "
                           "tin đúng là do Telegram gửi tới")  # fmt: skip
        if not token and (secret or self.telegram_team_chat):
            missing.append("thiếu GOCUA_TELEGRAM_TOKEN mà đã đặt GOCUA_TELEGRAM_... khác: lấy ở @BotFather, hoặc bỏ "
                           "các dòng kia")  # fmt: skip
        if secret and not all((c.isalnum() and c.isascii()) or c in "_-" for c in secret):
            missing.append("GOCUA_TELEGRAM_SECRET chỉ được có chữ không dấu, số, _ và -")
        if self.telegram_team_chat and not self.telegram_team_chat.lstrip("-").isdecimal():
            missing.append("GOCUA_TELEGRAM_TEAM_CHAT phải là số của nhóm, như -1001234567890")
        if self.telegram_team_topics and not self.telegram_team_chat:
            missing.append("thiếu GOCUA_TELEGRAM_TEAM_CHAT mà đã bật GOCUA_TELEGRAM_TEAM_TOPICS: đặt số của nhóm có "
                           "bật chủ đề, bot được quyền quản lý chủ đề ở đó")  # fmt: skip
        if self.speech_command and self.speech_url:
            missing.append("đặt cả GOCUA_SPEECH_COMMAND và GOCUA_SPEECH_URL: bỏ bớt một")
        if self.speech_url and urlsplit(self.speech_url).scheme not in ("http", "https"):
            missing.append("GOCUA_SPEECH_URL phải bắt đầu bằng http:// hoặc https://")
        missing += self._half_set_channels()
        missing += [
            f"GOCUA_CHAT_ORIGINS: {one!r} phải là địa chỉ gốc như https://xa-a.gov.vn, không có gì sau tên miền, không "
            "có gạch chéo ở cuối" for one in self.framing_origins if not _ORIGIN.fullmatch(one)
        ]  # fmt: skip
        try:
            several = self._several()
        except ValueError as error:
            missing += str(error).splitlines()
        else:
            if several.accounts and not self.zalo_oa_app_id:
                missing.append("thiếu GOCUA_ZALO_OA_APP_ID mà GOCUA_CHANNELS_FILE có tài khoản Zalo")
            if several.pages and not self.messenger_page_token.get_secret_value():
                missing.append("thiếu GOCUA_MESSENGER_PAGE_TOKEN mà GOCUA_CHANNELS_FILE có trang Messenger")
        if not re.fullmatch(r"[\w-]*", self.zalo_verify):
            missing.append("GOCUA_ZALO_VERIFY chỉ là mã: phần nằm giữa zalo_verifier và .html")
        if not self.database_url.startswith(("sqlite:///", "postgresql")):
            missing.append("GOCUA_DATABASE_URL phải là sqlite:///TỆP hoặc postgresql+psycopg://...")
        if "data_folder" in self.model_fields_set and not self.data_folder.is_dir():
            # made by us it would begin with new keys: more likely it is mistyped, or not mounted
            missing.append(f"GOCUA_DATA_FOLDER: không có thư mục {self.data_folder}: tạo nó, hoặc sửa lại tên")
        if missing:
            raise ValueError("\n".join(missing))
        return self

    def _half_set_channels(self) -> list[str]:
        """What is missing of the channels that are set in part."""
        missing: list[str] = []
        for channel, where, needed in _CHANNELS:
            given = {name for name in needed if _shown(getattr(self, name))}
            if given and given != set(needed):
                for name in needed:
                    if name not in given:
                        missing.append(f"thiếu GOCUA_{name.upper()} mà đã đặt những dòng khác của {channel}: {where}")
        if self.zalo_oa_refresh_token.get_secret_value() and not self.zalo_oa_app_id:
            missing.append("thiếu GOCUA_ZALO_OA_APP_ID mà đã đặt GOCUA_ZALO_OA_REFRESH_TOKEN")
        secret = self.zalo_bot_secret.get_secret_value()
        if secret and not 8 <= len(secret) <= 256:
            missing.append("GOCUA_ZALO_BOT_SECRET phải dài 8 đến 256 ký tự")
        return missing

    def zalo_accounts(self) -> tuple[Account, ...]:
        """The Official Accounts that are served, () when that channel is off."""
        if not self.zalo_oa_app_id:
            return ()
        first = Account(
            oa=self.zalo_oa_oa_id,
            webhook_secret=self.zalo_oa_oa_secret.get_secret_value(),
            refresh_token=self.zalo_oa_refresh_token.get_secret_value(),
            buttons=self.zalo_oa_buttons,
        )
        return (first, *(one for one in self._several().accounts if one.oa != first.oa))

    def messenger_pages(self) -> tuple[Page, ...]:
        """The pages beside the one of GOCUA_MESSENGER_PAGE_TOKEN."""
        return self._several().pages

    def _several(self) -> Several:
        return read_channels(Path(self.channels_file)) if self.channels_file else Several()

    @property
    def framing_origins(self) -> tuple[str, ...]:
        """The origins that may frame the web chat, as given."""
        return tuple(one for one in (part.strip() for part in self.chat_origins.split(",")) if one)

    @property
    def database_file(self) -> Path | None:
        """The file of an SQLite database; None on PostgreSQL."""
        return _file(self.database_url)

    @property
    def media(self) -> Path:
        return Path(self.media_folder) if self.media_folder else self.data_folder / "gocua-media"

    @property
    def speech_folder(self) -> Path:
        """Sounds that were made, beside the pictures: whatever is lost there is made again."""
        return self.media.parent / "gocua-speech"

    def signing_key(self) -> str:
        """GOCUA_SECRET_KEY, else the key kept in data_folder, made at the first start. Raises KeyLost."""
        if given := self.secret_key.get_secret_value():
            return given
        path = self.data_folder / "gocua.secret"
        return made_once(path, lambda: secrets.token_urlsafe(48).encode()).decode("ascii").strip()


def _file(database_url: str) -> Path | None:
    return Path(database_url.removeprefix("sqlite:///")) if database_url.startswith("sqlite:///") else None


def _beside(database_url: str) -> Path:
    """The SQLite file's folder, else the one in which we were started."""
    return (_file(database_url) or Path("gocua")).absolute().parent


def _shown(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def load(**given: object) -> Settings:
    """The settings of this process. Raises SettingsError naming every wrong or missing one."""
    try:
        return Settings(**given)  # type: ignore[arg-type] # pydantic checks them
    except pydantic_settings.SettingsError as error:  # what is no JSON where a list is asked for
        field = re.search(r'field "(\w+)"', str(error))
        name = f"GOCUA_{field[1].upper()}" if field else str(error)
        raise SettingsError(f'{name}: viết thành danh sách, như ["79", "82"]') from error
    except ValidationError as error:
        lines: list[str] = []
        for problem in error.errors():
            name = "GOCUA_" + "_".join(map(str, problem["loc"])).upper() + ": " if problem["loc"] else ""
            said = _WRONG.get(problem["type"], "").format(**problem.get("ctx", {})) or problem["msg"]
            lines += [name + line for line in said.removeprefix("Value error, ").splitlines()]
        raise SettingsError("\n".join(lines)) from error
