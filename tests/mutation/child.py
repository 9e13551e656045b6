"""A child of this process, which may be changed, fail and hang without harm."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable

#: A child that waits is given so many times the seconds that it may work.
PATIENCE = 10


def in_a_child(question: Callable[[], bool], seconds: int) -> bool:
    """The answer of a child that is quiet, has so many seconds of processor time, and ends; no is no, too."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.alarm(PATIENCE * seconds)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            os._exit(0 if question() else 1)
        except BaseException:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    return status == 0
