"""Pictures decoded and written anew: nothing but what is seen goes on, so no place of taking and no hidden file.

Bytes in, bytes out: never reads or writes a file. The size of what a picture unpacks to is bounded before it unpacks.
The decoder (`api/pixels.py`) is 9 MB of memory: it comes with the first picture.
"""

LONGEST_SIDE = 2048
#: a picture is kept no larger than this: below what Telegram and Messenger take
MOST_KEPT_BYTES = 4_000_000

#: what every channel that takes pictures takes
_SENT = ("image/jpeg", "image/png")
#: (longest side, JPEG quality), from the best: the first that is small enough is sent
_STEPS = ((2048, 85), (2048, 70), (1600, 75), (1280, 75), (1280, 60), (960, 60), (640, 50), (320, 40))


class NotAPicture(ValueError):
    """No picture of a kind that is known here, or one that unpacks to too much."""


def rewritten(data: bytes) -> tuple[bytes, str]:
    """The picture without its metadata, upright, at most LONGEST_SIDE, and its content type. Raises NotAPicture."""
    from api import pixels

    try:
        image, form = pixels.opened(data, LONGEST_SIDE)
        out = pixels.written(image, form)
    except pixels.BROKEN as error:
        raise NotAPicture(type(error).__name__) from error
    content_type = pixels.TYPES[form]
    return fit(out, content_type, MOST_KEPT_BYTES) if len(out) > MOST_KEPT_BYTES else (out, content_type)


def fit(data: bytes, content_type: str, limit_bytes: int) -> tuple[bytes, str]:
    """A picture as a channel takes it: JPEG or PNG within the limit (0: none). What is no picture stays as it is.

    Raises NotAPicture when it cannot be read, or is over the limit at its smallest.
    """
    if not content_type.startswith("image/"):
        return data, content_type
    if content_type in _SENT and (not limit_bytes or len(data) <= limit_bytes):
        return data, content_type
    from api import pixels

    try:
        image, _ = pixels.opened(data, LONGEST_SIDE)
        flat = pixels.flat(image)
        for side, quality in _STEPS:
            flat.thumbnail((side, side))
            out = pixels.written(flat, "JPEG", quality)
            if not limit_bytes or len(out) <= limit_bytes:
                return out, "image/jpeg"
    except pixels.BROKEN as error:
        raise NotAPicture(type(error).__name__) from error
    raise NotAPicture(f"over {limit_bytes} bytes at its smallest")
