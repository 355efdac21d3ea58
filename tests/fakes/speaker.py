"""An engine that reads aloud, for tests: `python speaker.py OUT LOG` hums its input and adds it to LOG as a line.

While a file LOG.broken is there it ends with 1 and makes nothing.
"""

import sys
import wave
from pathlib import Path


def hum(words: str, out: str) -> None:
    """A WAV of 100 samples for each character."""
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(200 * len(words)))


if __name__ == "__main__":
    out, log = sys.argv[1:]
    words = sys.stdin.buffer.read().decode()
    if Path(log + ".broken").exists():
        sys.exit(1)
    with Path(log).open("a", encoding="utf-8") as said:
        said.write(words + "\n")
    hum(words, out)
