"""The resident's web chat: one page, its words in and out."""
