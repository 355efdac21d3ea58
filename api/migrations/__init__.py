"""How the tables came to be, one file a change, in order. Run by api/schema.py; an old file is never edited."""
