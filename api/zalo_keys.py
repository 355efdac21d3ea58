"""The keys to Zalo's Official Accounts: one refresher across all processes, each new pair saved before it is used.

A refresh token works once. A pair that came while the database was away is written down as soon as that is back; one
that a process took with it when it died is lost: `asked_at` is committed before each asking, and found set by whoever
comes after. Then the old token is tried once more; when Zalo knows it no longer, the operator is alerted at once while
the access token still has hours to live.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from api.carrier import Carrier, UnknownFate
from api.house import House
from api.prepared import Row
from api.tables import ZaloKey
from bot import zalo_oauth
from bot.channel import SendError
from bot.channels.zalo_oa import ZaloOa
from bot.zalo_oauth import Tokens

log = structlog.get_logger()

NAME = "zalo_oa"
OAUTH = "zalo_oauth"
#: seconds between two looks at the stored keys, which another process may have renewed
LOOK_S = 20.0
#: with less than this to live a key is renewed in haste
LITTLE_LEFT = timedelta(hours=1)

_key = ZaloKey.__table__


class Keyring:
    """Holds the newest access tokens of this process, and the channel that is made of them."""

    def __init__(self, house: House, carrier: Carrier) -> None:
        self.house, self.carrier = house, carrier
        settings = house.settings
        self.accounts = {account.oa: account for account in settings.zalo_accounts()}
        self._app_id, self._secret = settings.zalo_oa_app_id, settings.zalo_oa_app_secret.get_secret_value()
        self._alone = asyncio.Lock()
        #: pairs that the database has not taken yet, each with the refresh token that it was asked for with
        self._unsaved: dict[str, tuple[str, Tokens]] = {}

    async def begin(self) -> None:
        """Rows for all accounts, and the channel with the keys that are there. Asks Zalo nothing."""
        await self.house.store.write(self._seed)
        await self._use()

    async def run(self) -> None:
        """Until cancelled: take over what another process renewed, renew what is due."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("zalo_keys_failed")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        for oa in self.accounts:
            await self._save_late(oa)
            row = await self._row(oa)
            if self._due(row):
                await self.renew(oa, row["access"])
        await self._use()

    async def renew(self, oa: str, worn: str) -> str:
        """An access token other than `worn`; "" when there is none to be had, and the operator knows."""
        oa = oa or next(iter(self.accounts), "")
        if oa not in self.accounts:
            return ""
        async with self._only_one(oa):
            await self._save_late(oa)
            row = await self._row(oa)
            if row["access"] == worn or not row["access"]:
                await self._ask(oa, row)
            await self._use()
            access = await self.access(oa)
        return access if access != worn else ""

    async def access(self, oa: str) -> str:
        """The newest access token of an OA, "" when there is none."""
        return str((await self._row(oa))["access"])

    async def connect(self, oa: str, code: str, verifier: str) -> None:
        """The first pair, for the code of a consent. Raises SendError or UnknownFate."""
        call = zalo_oauth.token_call(self._app_id, self._secret, code, verifier)
        _status, body = await self.carrier.post(OAUTH, call)
        pair = zalo_oauth.tokens(body)
        await self.house.store.write(lambda c: self._save(c, oa, pair))
        await self._use()

    async def buttons_refused(self, oa: str, why: str) -> None:
        """This OA's messages go as numbered text from now on, until another form is set."""
        account = self.accounts.get(oa or next(iter(self.accounts), ""))
        if account is None or account.buttons == "off":
            return
        one = _key.update().where(_key.c.oa == account.oa).values(refused_buttons=account.buttons)
        await self.house.store.write(lambda c: c.execute(one) and None)
        self.house.worries[f"zalo buttons {account.oa}"] = (
            f"Zalo không nhận nút bấm kiểu {account.buttons} của OA {account.oa} ({why}): đã chuyển sang chữ có đánh "
            "số. Đổi GOCUA_ZALO_OA_BUTTONS sang kiểu khác hoặc off."
        )
        await self._use()

    # --- one pair ------------------------------------------------------------------------------------------------

    def _due(self, row: Row) -> bool:
        if not row["access"] or row["asked_at"] is not None:
            return not row["trouble"]
        # after a refusal only a person can help: asking every minute would not
        old: bool = self.house.now() - row["refreshed_at"] >= timedelta(seconds=zalo_oauth.REFRESH_AFTER_S)
        return old and not row["trouble"]

    async def _ask(self, oa: str, row: Row) -> None:
        """Called by one process at a time. A second try follows an answer that nobody heard."""
        if not row["refresh"] or row["trouble"]:
            await self._in_trouble(oa, row["trouble"] or f"OA {oa} chưa nối: chạy `gocua zalo connect`.")
            return
        if row["asked_at"] is not None:
            log.warning("zalo_refresh_was_cut_off", oa=oa)
        call = zalo_oauth.refresh_call(self._app_id, self._secret, row["refresh"])
        asked = _key.update().where(_key.c.oa == oa).values(asked_at=self.house.now())
        await self.house.store.write(lambda c: c.execute(asked) and None)
        for last in (False, True):
            try:
                _status, body = await self.carrier.post(OAUTH, call)
                pair = zalo_oauth.tokens(body)
            except (SendError, UnknownFate) as error:
                if isinstance(error, SendError) and error.permanent:
                    await self._in_trouble(oa, str(error))
                    return
                log.warning("zalo_refresh_failed", oa=oa, error=str(error))
                if last:
                    # asked_at stays: the next look tries again with the same token
                    self.house.worries[f"zalo {oa}"] = f"Chưa lấy được khoá mới của OA {oa}, sẽ thử lại: {error}"
            else:
                self._unsaved[oa] = row["refresh"], pair
                await self._save_late(oa)
                self.house.worries.pop(f"zalo {oa}", None)
                log.info("zalo_key_renewed", oa=oa)
                return

    async def _save_late(self, oa: str) -> None:
        """A pair that was asked for while the database was away: its old one is worth nothing any more, to anybody."""
        if oa not in self._unsaved:
            return
        spent, pair = self._unsaved[oa]
        await self.house.store.write(lambda c: self._save(c, oa, pair, spent))
        self._unsaved.pop(oa, None)

    async def _in_trouble(self, oa: str, why: str) -> None:
        """Only a person can mend it: stored, so that every process shows it and none asks again."""
        stored = _key.update().where(_key.c.oa == oa).values(trouble=why, asked_at=None)
        await self.house.store.write(lambda c: c.execute(stored) and None)
        log.error("zalo_consent_needed", oa=oa, error=why)
        self._worry(oa, why)

    def _worry(self, oa: str, why: str) -> None:
        self.house.worries[f"zalo {oa}"] = (
            f"Zalo OA {oa} cần người quản trị đồng ý lại: chạy `gocua zalo connect` rồi làm theo. ({why})"
        )

    # --- rows ----------------------------------------------------------------------------------------------------

    async def _row(self, oa: str) -> Row:
        query = sa.select(_key).where(_key.c.oa == oa)
        return await self.house.store.read(lambda c: c.execute(query).mappings().one())

    def _seed(self, connection: sa.Connection) -> None:
        """A row for each account. A refresh token that the operator set anew begins a new pair."""
        known = {row.oa: row.seed for row in connection.execute(sa.select(_key.c.oa, _key.c.seed))}
        for oa, account in self.accounts.items():
            seed = hashlib.sha256(account.refresh_token.encode()).hexdigest() if account.refresh_token else ""
            fresh: dict[str, Any] = {
                "access": "", "refresh": account.refresh_token, "seed": seed, "asked_at": None, "trouble": "",
            }  # fmt: skip
            if oa not in known:
                blank = {"previous": "", "refreshed_at": None, "expires_at": None, "refused_buttons": ""}
                connection.execute(_key.insert(), {"oa": oa} | fresh | blank)
            elif seed and seed != known[oa]:
                connection.execute(_key.update().where(_key.c.oa == oa).values(fresh))

    def _save(self, connection: sa.Connection, oa: str, pair: Tokens, spent: str | None = None) -> None:
        """`spent`: only while that refresh token still stands there, for a person may have consented meanwhile."""
        now = self.house.now()
        new = {
            "access": pair.access, "refresh": pair.refresh, "previous": _key.c.refresh, "refreshed_at": now,
            "expires_at": now + timedelta(seconds=pair.expires_in_s), "asked_at": None, "trouble": "",
        }  # fmt: skip
        stands = (_key.c.oa == oa, *((_key.c.refresh == spent,) if spent is not None else ()))
        connection.execute(_key.update().where(*stands).values(new))

    async def _use(self) -> None:
        """The channel with the newest keys of all accounts takes the place of the old one."""
        rows = await self.house.store.read(lambda c: c.execute(sa.select(_key)).mappings().all())
        mine = {row["oa"]: row for row in rows if row["oa"] in self.accounts}
        for oa, row in mine.items():
            if row["trouble"]:
                self._worry(oa, row["trouble"])
            elif self._running_out(row, self.house.now()):
                self.house.worries[f"zalo {oa}"] = f"Khoá của OA {oa} sắp hết hạn mà chưa lấy được khoá mới."
            elif row["access"] and row["asked_at"] is None:
                self.house.worries.pop(f"zalo {oa}", None)
        refused = {oa: row["refused_buttons"] for oa, row in mine.items()}
        self.house.channels[NAME] = ZaloOa(
            self._app_id,
            {oa: account.webhook_secret for oa, account in self.accounts.items()},
            {oa: row["access"] for oa, row in mine.items() if row["access"]},
            {oa: one.buttons for oa, one in self.accounts.items() if one.buttons != refused.get(oa, "")},
            self.house.settings.zalo_oa_form_picture,
        )

    @staticmethod
    def _running_out(row: Row, now: datetime) -> bool:
        return row["expires_at"] is not None and row["expires_at"] - now < LITTLE_LEFT

    @contextlib.asynccontextmanager
    async def _only_one(self, oa: str) -> AsyncIterator[None]:
        """Across processes by a lock of the database's, which its holder's death sets free."""
        async with self._alone, self.house.store.only_one(f"zalo {oa}"):
            yield
