"""What Gõ Cửa knows: words, places, answers, scams, secrets. Pure: no clock, no network, no database."""
