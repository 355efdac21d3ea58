"""One file a change. Its types stand written out: what api/tables.py says later must not alter what was done before."""
