"""The words with a slash that members write in their own chat, and what is said to them. Does nothing."""

#: ours; all others are the bot's, or unknown
OURS = ("truc", "nghi", "hoso", "xong", "ngatket", "trogiup")
HELP = (
    "Lệnh dành cho người của tổ:\n"
    "/truc: vào trực, nhận lời mời\n"
    "/nghi: nghỉ trực\n"
    "/hoso: hồ sơ bạn đang giữ\n"
    "/xong: khép hồ sơ đã xong\n"
    "/ngatket: thôi dùng Telegram này cho việc của tổ\n"
    "Trả lời vào tin của ai thì người đó nhận được."
)
DUTY = {
    "truc": "Bạn đang trực. Có bà con cần giúp, lời mời sẽ đến ở đây. Gõ /nghi khi muốn nghỉ.",
    "nghi": "Bạn nghỉ trực rồi, không có lời mời mới. Hồ sơ đang giữ vẫn nhắn được. Gõ /truc để trực lại.",
}


def name_of(text: str) -> str:
    """ "/xong@gocua_bot ..." is "xong"."""
    return text.split()[0].removeprefix("/").partition("@")[0].lower()


def unlinked(open_cases: int) -> str:
    text = "Đã ngắt. Từ giờ chuyện của tổ không đến Telegram này nữa. Muốn nối lại, xin trưởng nhóm đường dẫn mới."
    if open_cases:
        text += f" Bạn còn giữ {open_cases} hồ sơ: mở bàn của tổ để trả lời bà con, hoặc nhờ người khác nhận thay."
    return text
