"""What all tests share: how Hypothesis searches, and signals that are not ignored because of how we were started."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "polysync",
    deadline=None,  # a busy machine is no failure
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,  # a failure names the decorator that repeats it
)
settings.load_profile("polysync")

# A shell that starts us in the background ignores these for us and for everything that we start.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
