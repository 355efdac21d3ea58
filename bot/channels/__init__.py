"""Translations between a channel and the words of bot.model. One file a channel; none does I/O."""
