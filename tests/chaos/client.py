"""A client that starts runs by hand all the time, and writes down what it sent and what was acknowledged."""

from __future__ import annotations

import json
import threading
from typing import Final

from polysync.api.client import Client, Unreachable
from tests.chaos.site import Site

JOURNAL: Final = "client"
PACE: Final = 0.25


class Asking(threading.Thread):
    """Asks until it is told to stop; each request has a name of its own, and is sent once."""

    def __init__(self, site: Site, pace: float = PACE) -> None:
        super().__init__(name="client", daemon=True)
        self._site = site
        self._pace = pace
        self._enough = threading.Event()
        self._number = 0

    def stop(self) -> None:
        """Ask nothing more."""
        self._enough.set()
        self.join()

    def run(self) -> None:
        """Ask, again and again."""
        while not self._enough.wait(self._pace):
            self._ask()

    def _ask(self) -> None:
        self._number += 1
        key = f"k{self._number}"
        self._site.note(JOURNAL, sent=key)
        body = json.dumps({"external_id": key}).encode()
        try:
            with Client(str(self._site.socket), timeout=10) as client:
                answer = client.request("POST", "/api/tasks/hand/run", body)
        except Unreachable:
            return
        if answer.status == 201:
            self._site.note(JOURNAL, acknowledged=key, run=json.loads(answer.body)["id"])
        else:
            self._site.note(JOURNAL, refused=key, status=answer.status, said=answer.body.decode(errors="replace"))
