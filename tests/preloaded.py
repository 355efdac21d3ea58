"""Imported once by the server that forks the processes of tests/processes.py: the content is read before they start."""

from bot.library import Folders
from tests.service import content

content(Folders())
