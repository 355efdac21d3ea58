"""Gõ Cửa beside other bots, on a harness that plays Telegram's side and counts what is lost, doubled or late.

    python -m bench.peers HARNESS [--rounds 2]

HARNESS is the harness's folder: `compare.py`, `load.py`, `check.py` and `peers/bots.json`. Of its peers those are
measured that its README's variables show the way to (PTB_PYTHON, AIOGRAM_PYTHON, GRAMMY and REDIS, whose server has to
run), at full speed and at half of it. Then, of Gõ Cửa alone: 50 ms on each of Telegram's answers, and what
`check.py --strict` demands. About ten minutes with three peers; nothing else should run.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

DIALOGUE = Path(__file__).with_name("dialogues") / "vneid.json"
PEERS = ("PTB pickle", "aiogram memory", "grammY session redis")
#: the harness fills in what stands in braces
START = f"{shlex.quote(str(Path(sys.executable).with_name('gocua')))} serve --port {{port}} --demo"
SETTINGS = {
    "GOCUA_DATABASE_URL": "sqlite:///{dir}/gocua.db",
    "GOCUA_PUBLIC_URL": "http://127.0.0.1:{port}",
    "GOCUA_TELEGRAM_API": "{api}",
    "GOCUA_TELEGRAM_TOKEN": "{token}",
    "GOCUA_TELEGRAM_SECRET": "{secret}",
    "GOCUA_TELEGRAM_TEAM_CHAT": "{agent_chat}",
    "GOCUA_DAY_STARTS_HOUR": "0",
    "GOCUA_DAY_ENDS_HOUR": "24",
}


def at_hand(harness: Path) -> list[dict[str, Any]]:
    """Those of PEERS all of whose variables are set."""
    known = json.loads((harness / "peers" / "bots.json").read_text("utf-8"))
    return [one for one in known if one["name"] in PEERS and _needs(one) <= os.environ.keys()]


def _needs(bot: dict[str, Any]) -> set[str]:
    return set(re.findall(r"\$(\w+)", " ".join([bot["start"], *bot.get("env", {}).values()])))


def beside(harness: Path, *more: str) -> None:
    ours = {"name": "Gõ Cửa", "start": START, "env": SETTINGS, "dialogue": str(DIALOGUE.with_suffix(""))}
    bots = [ours, *at_hand(harness)]
    if missing := set(PEERS) - {bot["name"] for bot in bots}:
        print(f"not measured, their variables are not set: {', '.join(sorted(missing))}", flush=True)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as list_of_bots:
        json.dump(bots, list_of_bots)
        list_of_bots.flush()
        run(harness, "compare.py", [list_of_bots.name], *more)


def alone(harness: Path, script: str, *more: str) -> None:
    settings = [part for name, value in SETTINGS.items() for part in ("--env", f"{name}={value}")]
    run(harness, script, ["--start", START, *settings, "--dialogue", str(DIALOGUE)], *more)


def run(harness: Path, script: str, about_us: list[str], *more: str) -> None:
    """Raises CalledProcessError when the harness finds fault."""
    print(f"\n== {script} {' '.join(more)}", flush=True)
    subprocess.run([sys.executable, script, *about_us, *more], cwd=harness, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("harness", type=Path)
    parser.add_argument("--rounds", default="2")
    given = parser.parse_args()
    folder = given.harness.resolve()
    beside(folder, "--rounds", given.rounds, "--residents", "1", "64", "256")
    alone(folder, "load.py", "--delay", "50", "--rate", "400")
    alone(folder, "load.py", "--delay", "50", "--residents", "64")
    alone(folder, "check.py", "--strict", "--kills", "5")
