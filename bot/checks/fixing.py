"""What can be mended in a file without reading its sense: composed letters, marks' places, spaces at lines' ends."""

import re
import unicodedata

from bot.checks.spelling import spelled

_MARKED = re.compile(r"[^\W\d_]*[^\W\d_\x00-\x7f][^\W\d_]*")


def fixed(text: str) -> str:
    """The file as it should be; the same text when there is nothing to mend."""
    composed = unicodedata.normalize("NFC", text)
    lines = (line.rstrip() for line in composed.replace("\r\n", "\n").split("\n"))
    right = _MARKED.sub(lambda found: spelled(found.group()), "\n".join(lines))
    return right.rstrip("\n") + "\n" if right.strip() else text
