"""A process that commits two decisions; a failpoint in its environment may kill it at the second."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.store.inline import creation, inline_journal, now

journal = inline_journal(Path(sys.argv[1]))
now(journal.commit(creation(1)))
now(journal.commit(creation(2)))
