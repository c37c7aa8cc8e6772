"""What was needed for a moment is not kept for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

from polysync.daemon.heap import ROOM, Heap, Roof, resident

MB = 1 << 20
GROW_AND_SHRINK = """
from polysync.daemon.heap import Heap, resident
heap = Heap()
assert heap.settle()
begin = resident()
crowd = [bytes(1000) for _ in range(100_000)]
kept = crowd[::100]
del crowd
held = resident() - begin
assert heap.give_back()
print(held, resident() - begin)
"""


class Counting(Heap):
    """Counts how often it was asked to give back."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__(library=object())
        self.sizes = sizes
        self.given = 0

    def give_back(self) -> bool:
        self.given += 1
        return super().give_back()

    def size(self) -> int:
        return self.sizes.pop(0)


@pytest.mark.parametrize(
    ("sizes", "given"),
    [
        ([60 * MB, 40 * MB, 50 * MB, 57 * MB], 1),
        ([60 * MB, 40 * MB, 59 * MB, 45 * MB], 2),
        ([60 * MB, 40 * MB, 30 * MB, 47 * MB, 40 * MB], 2),  # it was smaller once, so it can be
    ],
)
async def test_what_grew_much_is_given_back(sizes: list[int], given: int) -> None:
    heap = Counting(sizes)
    roof = Roof(heap, heap.size)
    while heap.sizes:
        await roof.look()
    assert heap.given == given
    assert ROOM < 10 * MB


def test_a_library_that_has_no_such_calls_is_left_alone() -> None:
    heap = Heap(library=object())
    assert not heap.settle()
    assert not heap.give_back()


@pytest.mark.skipif(not Heap().give_back() and not Heap().settle(), reason="another C library")
def test_free_pages_go_back_to_the_system() -> None:
    said = subprocess.run([sys.executable, "-c", GROW_AND_SHRINK], check=True, capture_output=True, text=True)
    held, left = map(int, said.stdout.split())
    assert held > 60 * MB
    assert left < held / 2
    assert resident() > MB
