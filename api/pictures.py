"""Pictures decoded and written anew: nothing but what is seen goes on, so no place of taking and no hidden file.

Bytes in, bytes out: never reads or writes a file. The size of what a picture unpacks to is bounded before it unpacks.
"""

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

#: 50 megapixels: above any phone's camera in use, below what exhausts a small machine
MOST_PIXELS = 50_000_000
LONGEST_SIDE = 2048
#: a picture is kept no larger than this: below what Telegram and Messenger take
MOST_KEPT_BYTES = 4_000_000

#: what is read: what it is written as. Of a moving picture the first frame is kept.
_FORMS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WEBP", "GIF": "PNG"}
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
#: what every channel that takes pictures takes
_SENT = ("image/jpeg", "image/png")
#: (longest side, JPEG quality), from the best: the first that is small enough is sent
_STEPS = ((2048, 85), (2048, 70), (1600, 75), (1280, 75), (1280, 60), (960, 60), (640, 50), (320, 40))


class NotAPicture(ValueError):
    """No picture of a kind that is known here, or one that unpacks to too much."""


def rewritten(data: bytes) -> tuple[bytes, str]:
    """The picture without its metadata, upright, at most LONGEST_SIDE, and its content type. Raises NotAPicture."""
    try:
        image, form = _opened(data)
        out = _written(image, form)
    except _BROKEN as error:
        raise NotAPicture(type(error).__name__) from error
    return fit(out, _TYPES[form], MOST_KEPT_BYTES) if len(out) > MOST_KEPT_BYTES else (out, _TYPES[form])


def fit(data: bytes, content_type: str, limit_bytes: int) -> tuple[bytes, str]:
    """A picture as a channel takes it: JPEG or PNG within the limit (0: none). What is no picture stays as it is.

    Raises NotAPicture when it cannot be read, or is over the limit at its smallest.
    """
    if not content_type.startswith("image/"):
        return data, content_type
    if content_type in _SENT and (not limit_bytes or len(data) <= limit_bytes):
        return data, content_type
    try:
        image, _ = _opened(data)
        flat = _flat(image)
        for side, quality in _STEPS:
            flat.thumbnail((side, side))
            out = _written(flat, "JPEG", quality)
            if not limit_bytes or len(out) <= limit_bytes:
                return out, "image/jpeg"
    except _BROKEN as error:
        raise NotAPicture(type(error).__name__) from error
    raise NotAPicture(f"over {limit_bytes} bytes at its smallest")


_BROKEN = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)  # fmt: skip


def _opened(data: bytes) -> tuple[Image.Image, str]:
    """The picture with nothing but its pixels, and the form to write it in."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data), formats=list(_FORMS)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError("too many pixels")
            form = _FORMS[image.format or "JPEG"]
            upright = ImageOps.exif_transpose(image)
            if form == "JPEG" and upright.mode != "RGB":
                upright = upright.convert("RGB")
            elif upright.mode == "P":
                upright = upright.convert("RGBA")
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            plain = Image.new(upright.mode, upright.size)
            plain.paste(upright)
            return plain, form


def _flat(image: Image.Image) -> Image.Image:
    """Without transparency, which JPEG has none of: on white."""
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _written(image: Image.Image, form: str, quality: int = 85) -> bytes:
    out = io.BytesIO()
    if form == "JPEG":
        image.save(out, form, quality=quality, optimize=True)
    else:
        image.save(out, form)
    return out.getvalue()
