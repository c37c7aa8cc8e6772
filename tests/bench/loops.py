"""The limit: small programs in C that start commands and do nothing else."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.bars import Figures, NotMeasured

# Writes the moment of its start behind what the file holds; the clock is asked by a system call of its own, so that
# whoever shifts the clock of a peer does not shift this.
STAMP: Final = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int main(int c, char **v) {
  struct timespec t; syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);
  char b[64]; int n = snprintf(b, 64, "%ld.%06ld\n", t.tv_sec, t.tv_nsec / 1000);
  return write(open(v[1], O_WRONLY | O_APPEND | O_CREAT, 0600), b, n) != n;
}
"""
# LOOP runs in-flight due command: waits for the moment, then keeps so many going until all have run.
LOOP: Final = r"""
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
extern char **environ;
static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }
static double now(void) { struct timespec t; clock_gettime(CLOCK_REALTIME, &t); return t.tv_sec + t.tv_nsec / 1e9; }
int main(int c, char **v) {
  int n = atoi(v[1]), most = atoi(v[2]), live = 0, made = 0, status; double due = atof(v[3]);
  char *argv[] = {"/bin/sh", "-c", v[4], 0};
  posix_spawnattr_t how; posix_spawnattr_init(&how); posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID);
  struct timespec at = {(long)due, (due - (long)due) * 1e9};
  clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, 0);
  double began = now();
  while (made < n || live) {
    while (made < n && live < most) {
      pid_t pid; if (posix_spawn(&pid, argv[0], 0, &how, argv, environ)) return 1;
      made++; live++;
      while (live && waitpid(-1, &status, WNOHANG) > 0) live--;
    }
    if (live && waitpid(-1, &status, 0) > 0) live--;
  }
  double wall = now() - began; struct rusage self, children;
  getrusage(RUSAGE_SELF, &self); getrusage(RUSAGE_CHILDREN, &children);
  printf("{\"wall\": %f, \"cpu\": %f}\n", wall, seconds(self.ru_utime) + seconds(self.ru_stime)
    + seconds(children.ru_utime) + seconds(children.ru_stime));
  return 0;
}
"""
# METRONOME beats command: starts it in the middle of each of so many seconds, when nothing else is due.
METRONOME: Final = r"""
#define _GNU_SOURCE
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
extern char **environ;
int main(int c, char **v) {
  int n = atoi(v[1]), status; char *argv[] = {"/bin/sh", "-c", v[2], 0}; struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t); t.tv_nsec = 500000000;
  for (int i = 0; i < n; i++) {
    t.tv_sec++; clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, 0);
    pid_t pid; if (posix_spawn(&pid, argv[0], 0, 0, argv, environ)) return 1;
    waitpid(pid, &status, 0);
  }
  return 0;
}
"""
# For peers that know whole minutes only: their clock goes ahead by AHEAD seconds; what they start has the true time.
AHEAD: Final = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static double ahead;
__attribute__((constructor)) static void begin(void) {
  char *text = getenv("AHEAD"); if (text) ahead = atof(text);
  unsetenv("AHEAD"); unsetenv("LD_PRELOAD");
}
int clock_gettime(clockid_t which, struct timespec *t) {
  int failed = syscall(SYS_clock_gettime, which, t);
  if (!failed && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
    long nanos = t->tv_nsec + (long)((ahead - (long)ahead) * 1e9);
    t->tv_sec += (long)ahead + nanos / 1000000000; t->tv_nsec = nanos % 1000000000;
  }
  return failed;
}
int gettimeofday(struct timeval *v, void *zone) {
  struct timespec t; clock_gettime(CLOCK_REALTIME, &t); v->tv_sec = t.tv_sec; v->tv_usec = t.tv_nsec / 1000; return 0;
}
time_t time(time_t *out) {
  struct timespec t; clock_gettime(CLOCK_REALTIME, &t); if (out) *out = t.tv_sec; return t.tv_sec;
}
"""


def kept_folder(name: str) -> Path:
    """A temporary folder that is there until the bench ends."""
    folder = TemporaryDirectory(prefix=f"polysync-bench-{name}-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


@cache
def compiled(source: str, *options: str) -> Path:
    """The program of a source; `NotMeasured` where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise NotMeasured("no C compiler")
    folder = kept_folder("c")
    (folder / "it.c").write_text(source)
    done = subprocess.run([compiler, "-O2", *options, "-o", folder / "it", folder / "it.c"], check=False)
    if done.returncode != 0:
        raise NotMeasured("the C compiler fails")
    return folder / "it"


def stamping(file: Path) -> list[str]:
    """A command that writes down when it was started."""
    return [str(compiled(STAMP)), str(file)]


def stamps(file: Path) -> list[float]:
    """What was written down, in order."""
    return sorted(float(line) for line in file.read_text().split()) if file.exists() else []


def looped(runs: int, in_flight: int, command: str, due: float = 0.0) -> Figures:
    """The seconds, by the clock on the wall and of the processors, that the loop takes."""
    words = [str(compiled(LOOP)), str(runs), str(in_flight), f"{due:.3f}", command]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    figures: Figures = json.loads(done.stdout)
    return figures
