"""`fogwalk observe` as a process of its own, which can be killed and started again where it stood.

Before this   a folder of runs.
After this    conftest.py, benchmarks/page.py and the pictures open its page.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Server:
    """`fogwalk observe` as a person starts it, which can be killed and started again at the same address."""

    runs: Path
    cache: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None
    host: str = "127.0.0.1"
    token: str = ""  # that it printed, where it stands at another host

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Until it says where it stands."""
        command = [sys.executable, "-m", "fogwalk", "observe", str(self.runs), "--no-open", "--port", str(self.port)]
        command += ["--host", self.host]
        environment = os.environ | {"XDG_CACHE_HOME": str(self.cache), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, cwd=self.runs.parent, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout
        told = self.process.stdout.readline()
        found = re.search(r":(\d+)/", told)
        assert found, f"the server said {told!r}"
        self.port, self.token = int(found[1]), told.strip().partition("token=")[2]

    def kill(self) -> None:
        """At once, with the process that works for it."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            assert self.process.stdout
            self.process.stdout.close()
            self.process = None


@contextmanager
def serving(runs: Path, cache: Path, host: str = "127.0.0.1") -> Iterator[Server]:
    """A server of a folder of runs."""
    server = Server(runs, cache, host=host)
    server.start()
    try:
        yield server
    finally:
        server.kill()
