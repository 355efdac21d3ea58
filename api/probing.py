"""Asks providers, and our own public address, whether each channel works: `gocua doctor`. Vietnamese, for the operator.

Harmless: it writes to nobody, changes nothing at a provider, and never renews a key (those work once). No token, secret
or name of a resident is in a Finding.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Self
from urllib.parse import quote, urlsplit

import aiohttp

from api.findings import Answer, Finding, ZaloKeys, bad_address, doubt, refused, well, wrong
from api.settings import Settings
from bot.channels._wire import Fields, fields, instant, items, whole, word
from bot.channels.telegram import HEARD

#: seconds within which a provider, or we ourselves, must answer
ANSWER_S = 10.0
GRAPH = "v25.0"
#: what a page must be subscribed to
PAGE_FIELDS = frozenset(["messages", "messaging_postbacks", "message_echoes"])
_CHALLENGE = "19451969"


class Prober:
    """`async with` opens the HTTP client."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.public = settings.public_url.rstrip("/")

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def ask(self, url: str, sent: Fields | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """A GET, or with something to send a POST of JSON. Redirects are not followed: no provider follows them."""
        data = None if sent is None else json.dumps(sent).encode()
        more = {"content-type": "application/json"} if data is not None else {}
        method = "GET" if data is None else "POST"
        try:
            async with self._http.request(
                method, url, data=data, headers={**more, **(headers or {})}, allow_redirects=False
            ) as got:
                return Answer(status=got.status, body=(await got.content.read(100_000)).decode("utf-8", "replace"))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return Answer(status=0)

    # --- our own address -----------------------------------------------------------------------------------------

    async def address(self) -> list[Finding]:
        """Whether providers can reach us, as far as this machine can tell."""
        if not self.public:
            return [doubt("chưa đặt GOCUA_PUBLIC_URL: chỉ Telegram và trang ở máy này chạy được")]
        found = [] if (bad := bad_address(self.public)) is None else [bad]
        got = await self.ask(f"{self.public}/health/live")
        if got.status == 200:
            return [*found, well(f"{self.public} trả lời được từ máy này (nên mở thử thêm bằng 4G)")]
        says = "không trả lời" if not got.status else f"trả mã {got.status}"
        do = "xem dịch vụ đã chạy chưa, tên miền, chứng chỉ, tường lửa; mở địa chỉ đó bằng 4G của điện thoại"
        return [*found, wrong(f"{self.public}/health/live {says}", do)]

    async def door(self, path: str, query: str = "", expect: str = "") -> list[Finding]:
        """Our webhook as a provider's console tries it."""
        url = f"{self.public}/webhooks/{path}"
        if not self.public:
            return [wrong("chưa đặt GOCUA_PUBLIC_URL: kênh này cần một địa chỉ https", "xem docs/channels/README.md")]
        got = await self.ask(url + query)
        if got.status == 200 and expect in got.body:
            return [well(f"webhook {url} trả lời được")]
        if not got.status:
            return [wrong(f"webhook {url} không trả lời", "chạy dịch vụ rồi thử lại; xem tên miền và chứng chỉ")]
        if got.status == 404:
            return [wrong(f"{url} trả mã 404", "dịch vụ đang chạy chưa có kênh này: chạy lại sau khi sửa .env")]
        return [wrong(f"{url} trả mã {got.status}", "mã đang chạy khác mã trong .env: chạy lại dịch vụ")]

    # --- Telegram ------------------------------------------------------------------------------------------------

    async def telegram(self) -> list[Finding]:
        base = f"{self.settings.telegram_api.rstrip('/')}/bot{self.settings.telegram_token.get_secret_value()}"
        got = await self.ask(f"{base}/getMe")
        me = fields(got.fields.get("result"))
        if got.fields.get("ok") is not True:
            return [refused("Telegram", got, "chép lại token ở @BotFather: /mybots, chọn bot, API Token")]
        found = [well(f"bot @{word(me.get('username'))}")]
        found += self._telegram_webhook(fields((await self.ask(f"{base}/getWebhookInfo")).fields.get("result")))
        if team := self.settings.telegram_team_chat:
            found += await self._telegram_team(base, team, whole(me.get("id")))
        return found

    def _telegram_webhook(self, info: Fields) -> list[Finding]:
        url, expected = word(info.get("url")), f"{self.public}/webhooks/telegram" if self.public else ""
        waiting = whole(info.get("pending_update_count"))
        again = "chạy lại dịch vụ: lúc khởi động nó tự khai địa chỉ"
        if url != expected:
            found = [wrong(_elsewhere(url, expected), again)]
        else:
            found = [well(f"webhook đúng địa chỉ, {waiting} tin đang chờ" if url else "hỏi định kỳ, không có webhook")]
        if said := word(info.get("last_error_message")):
            at = instant(info.get("last_error_date"))
            do = "lỗi cũ thì bỏ qua; còn mới thì xem tên miền, chứng chỉ, GOCUA_TELEGRAM_SECRET"
            found.append(doubt(f"lần gọi hỏng gần nhất ({at:%H:%M %d/%m/%Y} giờ quốc tế): {said[:120]}", do))
        heard = set(map(word, items(info.get("allowed_updates"))))
        if url and heard and not set(HEARD) <= heard:
            found.append(wrong(f"Telegram không được nhờ gửi {', '.join(sorted(set(HEARD) - heard))}", again))
        return found

    async def _telegram_team(self, base: str, team: str, me: int) -> list[Finding]:
        got = await self.ask(f"{base}/getChat", {"chat_id": team})
        if got.fields.get("ok") is not True:
            do = "thêm bot vào nhóm của tổ, xem lại số của nhóm trong GOCUA_TELEGRAM_TEAM_CHAT"
            return [refused("nhóm của tổ", got, do)]
        found = [well("bot ở trong nhóm của tổ")]
        if not self.settings.telegram_team_topics:
            return found
        got_me = await self.ask(f"{base}/getChatMember", {"chat_id": team, "user_id": me})
        mine = fields(got_me.fields.get("result"))
        if fields(got.fields.get("result")).get("is_forum") is not True:
            found.append(wrong("nhóm của tổ chưa bật chủ đề", "cài đặt nhóm, bật Topics"))
        if mine.get("can_manage_topics") is not True:
            found.append(wrong("bot chưa được quản lý chủ đề", "cho bot làm quản trị viên, bật Manage topics"))
        return found

    # --- Zalo ----------------------------------------------------------------------------------------------------

    async def zalo_oa(self, keys: Mapping[str, ZaloKeys], now: datetime) -> list[Finding]:
        """`keys` by OA id, as the database has them."""
        found: list[Finding] = []
        for account in self.settings.zalo_accounts():
            found += await self._zalo_account(account.oa, account.buttons, keys.get(account.oa, ZaloKeys()), now)
        return [*found, *await self.door("zalo"), *await self._zalo_domain()]

    async def _zalo_account(self, oa: str, buttons: str, key: ZaloKeys, now: datetime) -> list[Finding]:
        if key.trouble or not key.access:
            why = key.trouble or "chưa có khoá, hoặc dịch vụ chưa chạy lần nào"
            return [wrong(f"OA {oa}: {why}", "chạy `gocua zalo connect` rồi làm theo")]
        if key.expires_at and key.expires_at <= now:
            return [
                wrong(f"OA {oa}: khoá đã hết hạn", "chạy dịch vụ: nó tự đổi khoá; không được thì `gocua zalo connect`")
            ]
        base, headers = self.settings.zalo_oa_api.rstrip("/"), {"access_token": key.access}
        got = await self.ask(f"{base}/v2.0/oa/getoa", headers=headers)
        if got.fields.get("error") != 0:
            return [refused(f"OA {oa}", got, "tra mã này trong docs/channels/zalo-oa.md")]
        about = fields(got.fields.get("data"))
        package = word(about.get("package_name")) or "không rõ"
        until = word(about.get("package_valid_through_date"))
        found = [well(f"OA “{word(about.get('name'))}”, gói {package}{f' tới {until}' if until else ''}")]
        if (real := word(about.get("oa_id"))) and real != oa:
            found.append(wrong(f"khoá này của OA {real}, không phải {oa}", "ghi đúng OA ID vào GOCUA_ZALO_OA_OA_ID"))
        if about.get("is_verified") is False:
            found.append(doubt("OA chưa xác thực", "nộp giấy tờ ở oa.zalo.me: chưa xác thực thì nhiều việc bị từ chối"))
        if buttons != "off" and key.refused_buttons == buttons:
            found.append(
                doubt(f"Zalo không nhận nút kiểu {buttons}: đang gửi dòng số", "đặt GOCUA_ZALO_OA_BUTTONS=off")
            )
        if key.resident:
            quota = await self.ask(f"{base}/v3.0/oa/quota/message", {"user_id": key.resident}, headers)
            found.append(_window(quota))
        return found

    async def _zalo_domain(self) -> list[Finding]:
        code = self.settings.zalo_verify
        if not (code and self.public):
            return []
        page = await self.ask(f"{self.public}/zalo_verifier{quote(code)}.html")
        root = await self.ask(f"{self.public}/")
        if code in page.body and code in root.body:
            return [well("mã xác thực tên miền có ở trang chủ và ở tệp zalo_verifier")]
        return [doubt("mã xác thực tên miền chưa hiện ra", "xem GOCUA_ZALO_VERIFY, chạy lại dịch vụ")]

    async def zalo_bot(self) -> list[Finding]:
        base = f"{self.settings.zalo_bot_api.rstrip('/')}/bot{self.settings.zalo_bot_token.get_secret_value()}"
        got = await self.ask(f"{base}/getMe", {})
        if got.fields.get("ok") is not True:
            return [refused("Zalo Bot", got, "chép lại token từ tin của Zalo Bot Manager")]
        me = fields(got.fields.get("result"))
        found = [well(f"bot {word(me.get('display_name')) or word(me.get('account_name'))}")]
        info = await self.ask(f"{base}/getWebhookInfo", {})
        url, expected = word(fields(info.fields.get("result")).get("url")), f"{self.public}/webhooks/zalo-bot"
        if self.public and url != expected:
            found.append(wrong(_elsewhere(url, expected), "chạy lại dịch vụ: nó tự khai"))
        elif url:
            found.append(well("webhook đúng địa chỉ"))
        return [*found, *await self.door("zalo-bot")]

    # --- Messenger -----------------------------------------------------------------------------------------------

    async def messenger(self) -> list[Finding]:
        settings, base = self.settings, f"{self.settings.messenger_api.rstrip('/')}/{GRAPH}"
        token = quote(settings.messenger_page_token.get_secret_value(), safe="")
        got = await self.ask(f"{base}/me?fields=id,name&access_token={token}")
        if got.status != 200 or not got.fields.get("id"):
            return [refused("trang Facebook", got, "tạo token mới cho trang: docs/channels/messenger.md, bước 2")]
        found = [well(f"trang “{word(got.fields.get('name'))}”")]
        apps = items((await self.ask(f"{base}/me/subscribed_apps?access_token={token}")).fields.get("data"))
        heard = {word(one) for app in map(fields, apps) for one in items(app.get("subscribed_fields"))}
        if lacking := PAGE_FIELDS - heard:
            do = "chạy lại dịch vụ, hoặc Messenger, Settings, Webhooks, Add subscriptions"
            found.append(wrong(f"trang chưa đăng ký {', '.join(sorted(lacking))}", do))
        else:
            found.append(well("trang đã đăng ký đủ mục"))
        found += await self._messenger_app(base)
        verify = quote(settings.messenger_verify_token.get_secret_value(), safe="")
        asked = f"?hub.mode=subscribe&hub.verify_token={verify}&hub.challenge={_CHALLENGE}"
        return [*found, *await self.door("messenger", asked, _CHALLENGE)]

    async def _messenger_app(self, base: str) -> list[Finding]:
        """Where Meta calls, which only the app itself may ask: that proves its secret as well."""
        app, secret = self.settings.messenger_app_id, self.settings.messenger_app_secret.get_secret_value()
        if not app:
            return [
                doubt("chưa đặt GOCUA_MESSENGER_APP_ID: không hỏi được webhook", "chép App ID ở App settings, Basic")
            ]
        key = quote(f"{app}|{secret}", safe="")
        got = await self.ask(f"{base}/{quote(app)}/subscriptions?access_token={key}")
        if got.status != 200:
            return [refused("ứng dụng Meta", got, "chép lại App ID và App Secret ở App settings, Basic")]
        page = next((one for one in map(fields, items(got.fields.get("data"))) if one.get("object") == "page"), {})
        url, expected = word(page.get("callback_url")), f"{self.public}/webhooks/messenger"
        if url != expected:
            return [wrong(_elsewhere(url, expected), "docs/channels/messenger.md, bước 3")]
        if page.get("active") is False:
            return [wrong("Meta đã ngừng gọi webhook", "Messenger, Settings, Webhooks: lưu lại địa chỉ")]
        return [well("webhook đúng địa chỉ")]


async def look(settings: Settings, keys: Mapping[str, ZaloKeys], now: datetime) -> dict[str, list[Finding]]:
    """Everything that can be asked, by the name under which it is shown. Channels that are off are not there."""
    async with Prober(settings) as prober:
        found = {"Địa chỉ công khai": await prober.address()}
        if settings.telegram_token.get_secret_value():
            found["Telegram"] = await prober.telegram()
        if settings.zalo_accounts():
            found["Zalo OA"] = await prober.zalo_oa(keys, now)
        if settings.zalo_bot_token.get_secret_value():
            found["Zalo Bot"] = await prober.zalo_bot()
        if settings.messenger_page_token.get_secret_value():
            found["Messenger"] = await prober.messenger()
    return found


def _elsewhere(url: str, expected: str) -> str:
    """Only the host is shown: the rest of a foreign address may be somebody's secret."""
    here = f"webhook đang ở {urlsplit(url).netloc}" if url else "webhook chưa khai"
    return f"{here}, phải là {expected}" if expected else f"{here}, mà máy này hỏi định kỳ"


def _window(got: Answer) -> Finding:
    """What Zalo counts for a resident. Nobody is sure of the answer's shape: what is there is shown."""
    data = got.fields.get("data")
    asset = fields(data) or fields(next(iter(items(data)), None))
    told = ", ".join(
        f"{name} {asset[name]}" for name in ("quota_type", "remain", "total", "expired_date") if name in asset
    )
    if got.fields.get("error") != 0 or not told:
        code = got.fields.get("error", got.status)
        return doubt(f"chưa hỏi được hạn mức tin (mã {code})", "không cản việc gửi; xem ở oa.zalo.me")
    return well(f"hạn mức với bà con nhắn gần nhất: {told}")
