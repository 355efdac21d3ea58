"""A picture's pixels: decoded, made smaller, written. Only `api/pictures.py` calls it, and only when there is one."""

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

#: 50 megapixels: above any phone's camera in use, below what exhausts a small machine
MOST_PIXELS = 50_000_000

#: what is read: what it is written as. Of a moving picture the first frame is kept.
_FORMS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WEBP", "GIF": "PNG"}
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

#: what a decoder may raise on bytes that are no good picture
BROKEN = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)  # fmt: skip


def opened(data: bytes, longest_side: int) -> tuple[Image.Image, str]:
    """The picture with nothing but its pixels, upright, and the form to write it in. Raises one of BROKEN."""
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
            upright.thumbnail((longest_side, longest_side))
            plain = Image.new(upright.mode, upright.size)
            plain.paste(upright)
            return plain, form


def flat(image: Image.Image) -> Image.Image:
    """Without transparency, which JPEG has none of: on white."""
    if image.mode not in ("RGBA", "LA"):
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def written(image: Image.Image, form: str, quality: int = 85) -> bytes:
    out = io.BytesIO()
    if form == "JPEG":
        image.save(out, form, quality=quality, optimize=True)
    else:
        image.save(out, form)
    return out.getvalue()
