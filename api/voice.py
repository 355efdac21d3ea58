"""Words made into sound by the operator's engine: a command on this machine, or a service over HTTP.

Made once for each text and form, kept for some days in a folder of bounded size under a digest that says nobody's name.
Never blocks the loop, never decides who hears what. What cannot be made raises NotSpoken.
"""

import asyncio
import hashlib
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog

from api.file_types import ENDINGS, sniffed
from api.settings import Settings

log = structlog.get_logger()

#: seconds within which an engine has spoken a message
ENGINE_S = 20.0
#: longer texts are not read: three minutes of sound
MOST_CHARACTERS = 3000
MOST_SOUND_BYTES = 8_000_000
#: what a resident said may be in what is read to them: nothing stays longer
KEPT_S = 3 * 24 * 3600.0
MOST_KEPT_BYTES = 200_000_000
#: engines at work at once
MOST_AT_ONCE = 2
#: where a command writes its sound; without it the sound is what it prints
OUT = "{out}"
_SOUNDS = {ending: content_type for content_type, ending in ENDINGS.items() if content_type.startswith("audio/")}


class NotSpoken(Exception):
    """There is no sound. The message says why, for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """`path` lies in the folder of sounds; its name is the file's ref after "speech:"."""

    path: Path
    content_type: str
    size_bytes: int


class Voice:
    """One engine. `command` or `url` is set."""

    def __init__(self, command: str, url: str, folder: Path) -> None:
        self._command, self._url, self._folder = command, url, folder
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        #: the making of each sound, so that two who wait for one do not make it twice
        self._made: dict[str, asyncio.Task[Sound]] = {}
        #: why the newest text could not be spoken, "" when it was; and the talks that were told so
        self.trouble = ""
        self.told: dict[str, int] = {}

    async def sound(self, words: str, channel: str) -> Sound:
        """The words as sound in a form that the channel plays, or the nearest to it. Raises NotSpoken."""
        if not words or len(words) > MOST_CHARACTERS:
            raise NotSpoken(f"a text of {len(words)} characters is not read")
        form = _form(channel)
        key = hashlib.sha256(f"{self._command}\n{self._url}\n{form}\n{words}".encode()).hexdigest()[:32]
        if key not in self._made:
            self._made[key] = asyncio.create_task(self._make(key, words, form))
            self._made[key].add_done_callback(lambda _: self._made.pop(key, None))
        try:
            made = await asyncio.shield(self._made[key])
        except (NotSpoken, OSError, TimeoutError, subprocess.SubprocessError, aiohttp.ClientError) as error:
            self.trouble = f"{type(error).__name__}: {error}"[:300]
            log.warning("not_spoken", why=self.trouble)
            raise NotSpoken(self.trouble) from error
        self.trouble = ""
        self.told.clear()
        return made

    def find(self, name: str) -> Sound | None:
        """A sound that is kept, by the name of its file."""
        path = self._folder / name
        if path.parent != self._folder or path.suffix not in _SOUNDS or not path.is_file():
            return None
        return Sound(path=path, content_type=_SOUNDS[path.suffix], size_bytes=path.stat().st_size)

    async def _make(self, key: str, words: str, form: str) -> Sound:
        if kept := next(filter(None, (self.find(key + ending) for ending in _SOUNDS)), None):
            return kept
        async with self._room:
            if self._command:
                data = await asyncio.to_thread(_run, shlex.split(self._command), words.encode())
            else:
                data = await self._asked(words)
            if form and sniffed(data) == "audio/wav":
                data = await asyncio.to_thread(_run, _ENCODERS[form], b"", data)
        content_type = sniffed(data)
        if ENDINGS[content_type] not in _SOUNDS or len(data) > MOST_SOUND_BYTES:
            raise NotSpoken(f"{len(data)} bytes of {content_type} are no sound that is kept")
        path = self._folder / (key + ENDINGS[content_type])
        await asyncio.to_thread(self._keep, path, data)
        return Sound(path=path, content_type=content_type, size_bytes=len(data))

    async def _asked(self, words: str) -> bytes:
        """What the service answers to the words as plain text."""
        timeout = aiohttp.ClientTimeout(total=ENGINE_S)
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(self._url, data=words.encode(), headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise NotSpoken(f"the speech service answered {answer.status}")
            data = bytearray()
            async for part in answer.content.iter_chunked(65_536):
                data += part
                if len(data) > MOST_SOUND_BYTES:
                    raise NotSpoken("the speech service gives more than a message can take")
            return bytes(data)

    def _keep(self, path: Path, data: bytes) -> None:
        """Write a sound, and take away what is too old and what is too much, the oldest first."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(data)
        part.replace(path)
        kept = sorted((one.stat().st_mtime, one.stat().st_size, one) for one in self._folder.iterdir())
        whole = sum(size for _, size, _ in kept)
        for made_at, size, one in kept:
            if one != path and (time.time() - made_at > KEPT_S or whole > MOST_KEPT_BYTES):
                one.unlink(missing_ok=True)
                whole -= size


def build(settings: Settings) -> Voice | None:
    """The engine of the settings, None when none is set."""
    if not (settings.speech_command or settings.speech_url):
        return None
    return Voice(settings.speech_command, settings.speech_url, settings.speech_folder)


def _run(command: Sequence[str], words: bytes, sound: bytes = b"") -> bytes:
    """What a command makes of words, or of a sound. Raises NotSpoken, OSError, or TimeoutExpired after ENGINE_S."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "in.wav"), Path(folder, "out")
        given.write_bytes(sound)
        filled = [part.replace(OUT, str(made)).replace("{in}", str(given)) for part in command]
        done = subprocess.run(filled, input=words, capture_output=True, timeout=ENGINE_S, check=False)  # noqa: S603 the operator's own
        if done.returncode:
            raise NotSpoken(f"{Path(command[0]).name} ended with {done.returncode}")
        return made.read_bytes() if any(OUT in part for part in command) else done.stdout


#: from sound as engines make it (a megabyte a minute) to a tenth of it
_ENCODERS = {
    "mp3": ("ffmpeg", "-loglevel", "error", "-y", "-i", "{in}", "-ac", "1", "-b:a", "32k", "-f", "mp3", OUT),
    "ogg": ("opusenc", "--quiet", "--bitrate", "24", "{in}", OUT),
}


def _form(channel: str) -> str:
    """MP3 is played everywhere. Opus, which every small machine can make, as a voice on Telegram alone."""
    if shutil.which("ffmpeg"):
        return "mp3"
    return "ogg" if channel == "telegram" and shutil.which("opusenc") else ""
