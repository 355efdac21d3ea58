"""How an operator connects an Official Account: a link to Zalo's consent, and the page on which its admin comes back.

Nothing is stored in between: the code verifier follows from our own key and the signed state that Zalo carries there
and back. Also proves to Zalo that this address is ours.
"""

import base64
import hashlib
import hmac
import secrets

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from itsdangerous import BadData, URLSafeTimedSerializer

from api.carrier import UnknownFate
from api.house import House
from api.settings import Settings
from bot import zalo_oauth
from bot.channel import SendError

log = structlog.get_logger()

#: where Zalo sends the admin back to: the callback address of the app must be this one
BACK_PATH = "/zalo/connected"
#: a consent is given in this time
STATE_S = 3600

_PAGE = """<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Gõ Cửa</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body style="font:1.2rem/1.5 system-ui;max-width:32rem;margin:2rem auto;padding:0 1rem"><h1>{title}</h1><p>{text}</p>
</body></html>"""
_PROOF = '<!doctype html><html><head><meta name="zalo-platform-site-verification" content="{code}" /></head></html>'


def consent_link(settings: Settings, key: str) -> str:
    """Where an admin of the OA says yes, within an hour. `settings` must have the app's id and a public URL."""
    nonce = secrets.token_urlsafe(16)
    challenge = zalo_oauth.pkce(_verifier(key, nonce))
    back = settings.public_url.rstrip("/") + BACK_PATH
    return zalo_oauth.consent_url(settings.zalo_oa_app_id, back, challenge, _signer(key).dumps(nonce))


def router(house: House) -> APIRouter:
    routes = APIRouter()

    @routes.get(BACK_PATH)
    async def connected(code: str = "", oa_id: str = "", state: str = "") -> HTMLResponse:
        try:
            nonce = str(_signer(house.key).loads(state, max_age=STATE_S))
        except BadData:
            return _page("Đường dẫn đã hết hạn", "Chạy lại <code>gocua zalo connect</code> rồi mở đường dẫn mới.", 400)
        if house.keyring is None or oa_id not in house.keyring.accounts:
            return _page("Chưa đúng OA", "Đặt GOCUA_ZALO_OA_OA_ID bằng số OA vừa chọn rồi khởi động lại.", 400)
        try:
            await house.keyring.connect(oa_id, code, _verifier(house.key, nonce))
        except (SendError, UnknownFate) as error:
            log.warning("zalo_not_connected", oa=oa_id, error=str(error))
            return _page("Zalo chưa cho nối", "Chạy lại <code>gocua zalo connect</code>; lý do ở nhật ký.", 502)
        log.info("zalo_connected", oa=oa_id)
        return _page("Đã nối xong", "Giờ nhắn thử cho OA một tin, Gõ Cửa sẽ trả lời.", 200)

    @routes.get("/zalo_verifier{code}.html")
    async def proof(code: str) -> Response:
        if not house.settings.zalo_verify or code != house.settings.zalo_verify:
            return Response(status_code=404)
        return HTMLResponse(_PROOF.format(code=code))

    return routes


def _page(title: str, text: str, status: int) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=title, text=text), status_code=status)


def _signer(key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(key, salt="zalo consent")


def _verifier(key: str, nonce: str) -> str:
    """43 letters, as PKCE wants them, that only we can make."""
    digest = hmac.new(key.encode(), f"zalo verifier {nonce}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
