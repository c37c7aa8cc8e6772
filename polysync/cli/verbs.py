"""Every command by name: the module that holds it, and what it does in a few words."""

from __future__ import annotations

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Write a configuration": {
        "init": ("init", "start a polysync.toml, or import crontab, systemd or RunWisp"),
        "validate": ("validate", "check a configuration: every problem in one pass"),
        "schema": ("schema", "print the JSON Schema for editors"),
        "show": ("show", "one task with the origin of each value"),
        "config": ("config", "diff: what a reload would change"),
    },
    "Look ahead": {
        "next": ("next", "the coming firings of tasks, or of any cron expression"),
        "explain": ("explain", "a cron expression in words, and beside other crons"),
        "simulate": ("simulate", "the coming days: load, overlaps, what is left out"),
        "graph": ("graph", "what depends on what"),
    },
    "The daemon": {
        "daemon": ("daemon", "run the tasks: in the foreground, until it is told to end"),
        "status": ("status", "is it well, and what does it do"),
        "doctor": ("doctor", "what is wrong or may soon be, and what would help"),
        "reload": ("reload", "take the configuration on disk; --dry-run only shows the plan"),
        "audit": ("audit", "who changed what, or was refused; --verify proves that nobody changed it"),
        "metrics": ("metrics", "what the daemon counts, as Prometheus reads it"),
        "check": ("check", "whether every stored row is what was written"),
        "backup": ("backup", "a verified copy of the databases, while the daemon runs"),
        "token": ("tokens", "who may come in over TCP: new, list, revoke"),
        "prune": ("prune", "remove old runs and their output now, or show what would go"),
        "demo": ("demo", "a lively example in a throw-away home"),
    },
    "Services": {
        "services": ("services", "which run, since when, and why the others do not"),
        "service": ("service", "list, start, stop, restart"),
    },
    "Work": {
        "tasks": ("tasks", "the tasks: how the last run ended, when the next one is"),
        "top": ("top", "what runs and waits, and what ended lately, as it happens"),
        "exec": ("exec", "start a task now, show its output, end as it ends"),
        "runs": ("runs", "the history: what ran, what did not, and why"),
        "run": ("run", "one run with its attempts and its timeline"),
        "logs": ("logs", "the output of a run"),
        "search": ("search", "lines of output that hold a pattern"),
        "release": ("release", "let held runs go"),
        "stop": ("stop", "end runs, wherever they stand"),
        "why": ("why", "why a run waits or ended so; what became of a slot, or will"),
        "rerun": ("rerun", "do a run again, with its parameters"),
        "archive": ("archive", "take runs that are over out of the lists"),
        "approve": ("approve", "say yes to runs that wait for it"),
        "deny": ("deny", "say no to runs that wait for approval"),
        "request-changes": ("request_changes", "send the result of a run back"),
        "pause": ("pause", "pause the schedules of tasks"),
        "resume": ("resume", "let paused tasks go on"),
        "skip-next": ("skip_next", "leave out the next slot of tasks"),
        "test": ("trial", "start a task as the scheduler would, and show how that differs from this shell"),
        "wait": ("wait", "until runs are over; ends as they ended"),
        "events": ("events", "what happened lately, and what happens now"),
        "report": ("reporting", "inside a run: outputs, progress, messages, errors"),
    },
    "This shell": {
        "completion": ("completion", "completion for bash, zsh or fish"),
    },
}
VERBS = {name: verb for section in SECTIONS.values() for name, verb in section.items()}
HIDDEN = {"_names": "names"}  # asked by the completion scripts, not by people
GLOBAL_OPTIONS = (
    ("-c, --config FILE", "the configuration; else ./polysync.toml, ~/.config, /etc"),
    ("--data DIR", "the home: databases, logs, socket"),
    ("--socket PATH", "the daemon's socket"),
    ("--json", "one JSON document instead of text, errors too"),
    ("-q, --quiet", "only what was asked for"),
    ("--color WHEN", "auto, always or never"),
    ("-h, --help", "this help, or that of a command"),
    ("-V, --version", "the version"),
)
