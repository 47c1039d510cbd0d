"""Trains the runs that come along with Fogwalk, so that its page is never empty: python -m benchmarks.recorded

Before this   fogwalk train, as a person types it.
After this    observatory/carried.py lists what lands in observatory/recorded/.
No benchmark: run it again where the form of a run has changed, and commit what it writes.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import fogwalk
from fogwalk.observatory.carried import CARRIED, PLACE

MOST_BYTES = 1_000_000  # of all of them
COMMANDS = {
    "two-moons": "sample:moons --model.hidden 8,8 --model.activation tanh --optimizer.name sgd --optimizer.momentum 0 "
    "--optimizer.weight-decay 0 --optimizer.schedule constant --optimizer.warmup 0 --optimizer.learning-rate 0.2 "
    "--training.steps 500",
    "handbook": "sample:handbook --model.layers 2 --model.heads 2 --model.width 24 --model.context 48 --training.batch 32 "
    "--training.steps 800 --training.save-every 400 --training.keep 2 --insight.every 100 "
    "--training.precision float32 --training.sample-prompt 'The network '",
}


def record(name: str) -> int:
    """Train one and take off what tells of this machine; gives back its bytes."""
    shutil.rmtree(PLACE / name, ignore_errors=True)
    PLACE.mkdir(exist_ok=True)
    words = shlex.split(COMMANDS[name])
    command = [sys.executable, "-m", "fogwalk", "train", *words, "--threads", "1", "--device", "cpu", "--out", name]
    source = str(Path(fogwalk.__file__).parents[1])
    subprocess.run(
        command, cwd=PLACE, check=True, env={"PYTHONPATH": source, "PATH": "/usr/bin:/bin", "HOME": "/nowhere"}
    )
    (PLACE / name / ".lock").unlink(missing_ok=True)
    status = PLACE / name / "status.json"
    told = json.loads(status.read_text(encoding="utf-8"))
    kept = {what: value for what, value in told.items() if what not in ("pid", "host")}
    status.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return sum(file.stat().st_size for file in (PLACE / name).rglob("*") if file.is_file())


def main() -> int:
    """All of them; an error where they are too large to come along."""
    sizes = {name: record(name) for name in CARRIED}
    for name, size in sizes.items():
        print(f"{PLACE / name}: {size:,} bytes")
    return 0 if sum(sizes.values()) < MOST_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
