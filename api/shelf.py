"""The library in use, and its renewal without a restart. A content file that cannot be read never takes it away."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from bot.flow import FlowError
from bot.library import Folders, Library, Version, load

log = structlog.get_logger()


class Shelf:
    """`library` is always the newest good one. `worry` says what is wrong with the newest content, "" when nothing."""

    def __init__(
        self,
        folders: Folders,
        home: tuple[str, ...],
        old: Callable[[], Mapping[Version, str]],
        *,
        asks_notices: bool = False,
        speaks: bool = False,
    ) -> None:
        self._folders, self._home, self._old = folders, home, old
        self._lock = threading.Lock()
        library = load(folders, home=home, old=old())
        self.library: Library = replace(library, asks_notices=asks_notices, speaks=speaks)
        self.worry = ""

    @property
    def watched(self) -> tuple[Path, ...]:
        """The folders whose change calls for `renew`."""
        return (self._folders.flows, self._folders.knowledge / "articles", self._folders.knowledge / "scams")

    def renew(self) -> bool:
        """Read the content again; on any mistake in it keep the last good library and say so. True when renewed."""
        with self._lock:
            try:
                library = load(self._folders, home=self._home, old=self._old())
            except (FlowError, ValueError, OSError) as error:
                self.worry = str(error)
                log.error("content_refused", problems=self.worry)
                return False
            before = self.library
            self.library = replace(
                library, hamlets=before.hamlets, asks_notices=before.asks_notices, speaks=before.speaks
            )
            self.worry = ""
            log.info("content_renewed", flows=len(library.flows), articles=len(library.articles))
            return True

    def know_hamlets(self, hamlets: dict[str, tuple[str, ...]]) -> None:
        """The hamlets of the directory, by commune: they are offered as buttons."""
        with self._lock:
            self.library = replace(self.library, hamlets=hamlets)
