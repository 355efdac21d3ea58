"""How Gõ Cửa talks: flows, turns, hand-off, channels. Pure: imports only knowledge."""
