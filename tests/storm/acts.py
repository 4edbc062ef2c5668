"""What happens in a run beside the faults of the proxy. An act prepares before the users consent, goes on a thread of its
own while the workers work, and finishes when they have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storm import Run


class Act:
    def __init__(self, run: Run) -> None:
        self.run = run

    def prepare(self) -> None:
        pass

    def go(self) -> None:
        pass

    def finish(self) -> None:
        pass


class KillAtRandom(Act):
    """`kill -9` of a process of the application, any, every so often; it is started anew."""

    def __init__(self, run: Run, every: float) -> None:
        super().__init__(run)
        self.every = every

    def go(self) -> None:
        while not self.run.over.wait(self.every):
            if living := self.run.living():
                self.run.kill(self.run.chance.choice(living))


ACTS: dict[str, type[Act]] = {"kill-at-random": KillAtRandom}
