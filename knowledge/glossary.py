"""Foreign words and abbreviations that content may use: what they mean in plain words, and names that mean themselves.

Read for `gocua check`, so that no resident meets a word that nobody has put plainly. Never changes a text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

_LETTERS = re.compile(r"[^\W\d_]+")


class GlossaryError(ValueError):
    """glossary.yaml cannot be used. str() names the file and what to do."""


@dataclass(frozen=True, slots=True)
class Glossary:
    """`plain` leads from a word, in lower case, to what it means; `names` are the words of all names, in lower case."""

    plain: Mapping[str, str]
    names: frozenset[str]

    @classmethod
    def load(cls, path: Path) -> "Glossary":
        """Raises GlossaryError."""
        read: object = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 text only
        if not isinstance(read, dict) or set(read) != {"plain", "names"}:
            raise GlossaryError(f"{path}: needs two parts, `plain:` and `names:`")
        plain, names = read["plain"], read["names"]
        if not isinstance(plain, dict) or not all(isinstance(said, str) and said for said in plain.values()):
            raise GlossaryError(f"{path}: `plain` needs lines of `word: what it means`")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise GlossaryError(f"{path}: `names` needs a list of names")
        return cls(
            plain={str(word).lower(): str(said) for word, said in plain.items()},
            names=frozenset(word for name in names for word in _LETTERS.findall(name.lower())),
        )

    def has(self, word: str) -> bool:
        """Whether content may use the word, in whatever case."""
        return word.lower() in self.plain or word.lower() in self.names
