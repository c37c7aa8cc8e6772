"""Each fault is told with its place, its key, what is wrong and how to mend it."""

from __future__ import annotations

import pytest

from tests.config.reading import complaints, told

T = "[tasks.t]\nrun = 'x'\n"

FAULTS = [
    # keys
    (T + "retry_attemps = 3", "3:1: tasks.t.retry_attemps: unknown key; did you mean retry_attempts?"),
    (
        "[tasks]\nbackup.retry_attemps = 3\nbackup.run='x'",
        "2:8: tasks.backup.retry_attemps: unknown key; did you mean retry_attempts?",
    ),
    (T + "retries = 3", "3:1: tasks.t.retries: unknown key; did you mean retry_attempts?"),
    (T + "schedule = '@daily'", "tasks.t.schedule: unknown key; did you mean cron?"),
    (T + "parallelism = 2", "did you mean max_concurrent?"),
    (T + "max_running = 2", "max_running belongs in [daemon] or [platforms.*]"),
    (T + "instances = 2", "tasks.t.instances: unknown key; only services have instances: use max_concurrent"),
    (T + "name = 't'", "the name stands in the header"),
    ("[daemon]\ntimezone = 'UTC'", "2:1: daemon.timezone: unknown key; timezone belongs in [tasks.*] or [scheduler]"),
    ("[services.s]\nrun='x'\ncron='@daily'", "services.s.cron: unknown key; cron belongs in [tasks.*]"),
    ("[task.t]\nrun='x'", "1:2: task: unknown key; did you mean tasks?"),
    ("[notifiers.x]\ntype='slack'", '1:2: notifiers: unknown key; write [[notifier]] with id = "…"'),
    ("timezone = 'UTC'", "1:1: timezone: unknown key; timezone belongs in"),
    ("tasks = 5", "1:1: tasks: must be a table, not a number; write [tasks.NAME]"),
    ("daemon = 5", "1:1: daemon: must be a table, not a number; write [daemon]"),
    ("tasks.t = 5", "1:11: tasks.t: must be a table, not a number"),
    ("[notifier]\nid = 'x'", "1:2: notifier: must be a list of tables; write [[notifier]]"),
    ("[defaults]\ncron = '@daily'", "2:1: defaults.cron: cannot be a default; it belongs in [tasks.*]"),
    ("[defaults]\ntimout = '5s'", "2:1: defaults.timout: unknown key; did you mean timeout?"),
    ("defaults = 1", "1:12: defaults: must be a table, not a number"),
    # names
    ("[tasks.\"../x\"]\nrun='x'", '1:8: tasks."../x": "../x" is not a name'),
    ("[tasks.123]\nrun='x'", '1:8: tasks.123: "123" is not a name; letters, digits'),
    ('[jobs."a@0"]\n', '1:7: jobs."a@0": "a@0" is not a name'),
    (T + "[services.t]\nrun='x'", '3:11: services.t: "t" is the name of a task in polysync.toml too'),
    (
        T + "requirements = { gpu = true }\n[platforms.p]\ntype = 'databricks'\nlabels = { gpu = true }",
        "3:16: tasks.t.requirements: no platform carries gpu = true",
    ),
    # shapes
    (T + "timeout = 0", '3:11: tasks.t.timeout: must be a duration, not a number; write it like "30s"'),
    (T + "retry_delay = 0", '3:15: tasks.t.retry_delay: must be a duration, not a number; write "0s"'),
    (T + "env = { A = 5 }", '3:13: tasks.t.env.A: must be a string, not a number; write "5"'),
    (T + "contention = [5]", 'must be the name of a contention profile, not a number; write "5"'),
    (T + "success_codes = 5", "must be a list of exit codes, not a number; write [5]"),
    (T + "success_codes = 999", "must be a list of exit codes, not a number; write codes such as 3"),
    (T + "timeout = 15", '3:11: tasks.t.timeout: must be a duration, not a number; write "15s"'),
    (T + "timeout = '15'", '3:11: tasks.t.timeout: not a duration; write "15s"'),
    (T + "timeout = 1.5", "must be a duration, not a number with a fraction"),
    (T + "timeout = '0s'", "tasks.t.timeout: must be at least 1ms"),
    (T + "retry_delay = '8d'", "tasks.t.retry_delay: must be at most 7d"),
    (T + "log_max_size = 5", '3:16: tasks.t.log_max_size: must be a size, not a number; write "5b"'),
    (T + "log_max_size = '5'", 'tasks.t.log_max_size: not a size; write "5b"'),
    (T + "log_max_size = '5b'", "must be at least 1kb"),
    (T + "retry_attempts = '3'", "must be a whole number from -1 to 100, not a string; write 3 without quotes"),
    (T + "retry_attempts = true", "must be a whole number from -1 to 100, not true or false"),
    (T + "retry_attempts = 3.0", "must be a whole number from -1 to 100, not a number with a fraction"),
    (T + "retry_attempts = 101", "tasks.t.retry_attempts: must be a whole number from -1 to 100"),
    (T + "priority = 'hihg'", 'or "low", "normal" or "high"; did you mean "high"?'),
    (T + "priority = '5'", "write 5 without quotes"),
    (T + "enabled = 'yes'", "3:11: tasks.t.enabled: must be true or false, not a string; write true"),
    (T + "enabled = 0", "must be true or false, not a number; write false"),
    (T + "enabled = 'perhaps'", "must be true or false, not a string"),
    (T + "on_overlap = 'quue'", 'must be "queue", "skip" or "terminate", not "quue"; did you mean "queue"?'),
    (T + "on_overlap = 3", 'must be "queue", "skip" or "terminate", not a number'),
    (T + "title = 5", '3:9: tasks.t.title: must be a string, not a number; write "5"'),
    (T + "title = true", 'write "true"'),
    (T + "title = 2026-01-02", "must be a string, not a date"),
    (T + 'title = "a\\u0000b"', "contains a NUL character"),
    (T + "group = ''", "tasks.t.group: must not be empty"),
    (T + "umask = '999'", '"999" is not an octal mask'),
    (T + "env = { A = 5 }", "3:13: tasks.t.env.A: must be a string, not a number"),
    (T + "env = { '1A' = 'x' }", "not the name of an environment variable"),
    (T + "env = { POLYSYNC_X = 'x' }", "names with POLYSYNC_ are set by polysync"),
    (T + "env = 'A=b'", 'tasks.t.env: must be a table, not a string; write { NAME = "value" }'),
    (T + "secrets = { A = 'plain' }", "tasks.t.secrets.A: must be a vault reference"),
    (T + "secrets = { A = 'vault://ops/x' }", 'tasks.t.secrets.A: unknown vault "ops"'),
    (T + "success_codes = [0, 300]", "3:21: tasks.t.success_codes[1]: exit codes run from 0 to 255"),
    (T + "success_codes = ['9-3']", "exit codes run from 0 to 255, and ranges upwards"),
    (T + "success_codes = ['x']", "must be an exit code or a range of them"),
    (T + "success_codes = 0", "must be a list of exit codes, not a number; write [0]"),
    (T + "retry_never_on = [' ']", "must not be empty: every error contains it"),
    (T + "retry_never_on = 5", "must be a list of exit codes, ranges and words"),
    (T + "tags = 5", "must be a list of words, or a table of words"),
    (T + "tags = ['']", "tasks.t.tags[0]: must not be empty"),
    (T + "tags = { a = 5 }", "tasks.t.tags.a: must be a string"),
    (T + "cpu_max = 0", "must be more than 0 cores"),
    (T + "cpu_max = '0%'", "not a percentage above 0"),
    (T + "cpu_max = inf", "must be a number of cores"),
    (T + "run_on_start = 'reboot'", 'must be true, false or "boot"'),
    (T + "depends_mode = 0", "at least 1"),
    (T + "depends_mode = 'al'", 'did you mean "all"?'),
    (T + "depends_mode = '0%'", "tasks.t.depends_mode: must be"),
    (T + "depends_mode = 1.5", "not a number with a fraction"),
    (T + "requirements = { gpu = [1] }", "tasks.t.requirements.gpu: must be true, false, a string or a number"),
    (T + "requirements = { '' = 1 }", "is not a name"),
    (T + "restart = 'always'", "a task ends; what must always run is a service; make it [services.NAME]"),
    (T + "restart = 'sometimes'", 'must be "never" or "on_failure"'),
    (T + "timezone = 'Europe/Bratislaw'", 'no time zone "Europe/Bratislaw"; did you mean Europe/Bratislava?'),
    (T + "settings = { a = inf }", "tasks.t.settings.a: must be a finite number"),
    (T + "settings = { a = 99999999999999999999 }", "a number beyond 64 bits"),
    (T + 'settings = { a = "\\u0000" }', "contains a NUL character"),
    (T + "watch = {}", "tasks.t.watch: paths is missing"),
    (T + "watch = { paths = [] }", "must not be an empty list"),
    (T + "command = []", "tasks.t.command: must not be an empty list"),
    (T + "notify_on_failure = 'x'", 'must be a list, not a string; write ["…"]'),
    (T + "locks = ['a', 'a']", '3:15: tasks.t.locks[1]: "a" stands here a second time'),
    (T + "platform = 5", "must be the name of a platform, not a number"),
    (T + "platform = ''", "must not be empty"),
    (T + "retry_on = { failed = { retry_attempts = 'x' } }", "tasks.t.retry_on.failed.retry_attempts"),
    # schedules
    (T + "cron = '0 61 * * *'", "3:11: tasks.t.cron: hour: 61 is not between 0 and 23"),
    (T + "cron = ['@daily', '0 0 30 2 *']", "tasks.t.cron[1]: day-of-month"),
    (T + "cron = '* * * *'", "tasks.t.cron:"),
    (T + "cron = '" + "1," * 5000 + "1 * * * *'", "tasks.t.cron: longer than"),
    (T + "only_on = ['c']\nskip_on = ['c']\n[calendars.c]\nweekdays=['sat']", 'tasks.t.skip_on: "c" is in only_on too'),
    (T + "start_after = '1h'\nexpires_after = '5m'", "the task expires before start_after lets it start"),
    (
        T + "cron='@every 1h'\nskip_on=['c']\nroll='next'\n[calendars.c]\nweekdays=['sat']",
        "an interval has no day that could move",
    ),
    ("[calendars.c]\n", "1:12: calendars.c: contains nothing; add dates, weekdays, windows or ics"),
    ("[calendars.c]\ndates=['2026-02-30']", "2:8: calendars.c.dates[0]"),
    ("[calendars.c]\ndates=[2026-02-03]", 'must be a string, not a date; write "2026-02-03"'),
    ("[calendars.c]\nwindows=['22:00-22:00']", "calendars.c.windows[0]"),
    ("[calendars.c]\nweekdays=['caturday']", "calendars.c.weekdays[0]"),
    ("[calendars.c]\nics='x.ics'", "2:5: calendars.c.ics: x.ics does not exist"),
    # what is executed
    ("[tasks.t]\n", "1:8: tasks.t: says nothing to execute; add exactly one of run, command and job"),
    (T + "command = ['x']", "3:1: tasks.t.command: run is given too; a task executes one thing"),
    ("[tasks.t]\nrun = ' '", "2:7: tasks.t.run: must not be empty; write what to run"),
    ("[tasks.t]\ncommand = ['x', 'vault://o/x']", "2:17: tasks.t.command[1]: a vault reference inside command"),
    (
        "[tasks.t]\ncommand = ['x${param:p}']\nparameters.p = { value = 'v', sensitive = true }",
        '2:14: tasks.t.command[0]: the sensitive parameter "p" inside command',
    ),
    (T + "restart='on_failure'\nretry_attempts=0", '4:1: tasks.t.retry_attempts: contradicts restart = "on_failure"'),
    (T + "restart='on_failure'\ndead_letter=true", '4:1: tasks.t.dead_letter: contradicts restart = "on_failure"'),
    (
        "[tasks.t]\nrun='x'\nplatform='p'\n[platforms.p]\ntype='http'",
        '3:10: tasks.t.platform: "p" is a platform of type http, which runs no commands',
    ),
    # jobs and parameters
    ("[tasks.t]\njob='lod'\n[jobs.load]\n", '2:5: tasks.t.job: unknown job "lod"; did you mean "load"?'),
    ("[tasks.t]\njob='j'\nparameters={ a = 1 }\n[jobs.j]", 'the job "j" has no parameters'),
    (
        "[tasks.t]\njob='j'\nparameters={ bb = 1 }\n[jobs.j.parameters]\nb={}",
        '3:14: tasks.t.parameters.bb: the job "j" has no such parameter; did you mean "b"?',
    ),
    (
        "[tasks.t]\njob='j'\n[jobs.j.parameters]\nb={required=true}",
        '1:8: tasks.t.parameters: the job "j" requires the parameter "b"',
    ),
    (
        "[tasks.t]\njob='j'\nparameters.b='x'\n[jobs.j.parameters]\nb={direction='out'}",
        "is an output of the job and takes no value",
    ),
    ("[tasks.t]\njob='j'\nparameters.b='x'\n[jobs.j.parameters]\nb={type='int'}", "3:14: tasks.t.parameters.b:"),
    (
        "[tasks.t]\njob='j'\nparameters.b='x'\n[jobs.j.parameters]\nb={choices=['y','z']}",
        "tasks.t.parameters.b: not one of the choices; choose from y, z",
    ),
    ("[jobs.j.parameters]\nb={type='int', default='x'}", "2:24: jobs.j.parameters.b.default:"),
    (T + "parameters={ 'a-b' = 1, a_b = 2 }", '3:25: tasks.t.parameters.a_b: collides with "a-b": both are PARAM_A_B'),
    (T + "env.PARAM_A='x'\nparameters.a=1", '3:5: tasks.t.env.PARAM_A: collides with the parameter "a"'),
    (
        T + "parameters.a={ from='u', output='o' }\n[tasks.u]\nrun='x'",
        '3:21: tasks.t.parameters.a.from: "u" is not in depends_on; add "u" to depends_on',
    ),
    (T + "parameters.a={ from='u' }", "output is missing"),
    (
        T + "parameters.a={ from='u', output='o', defalt=1 }",
        "3:38: tasks.t.parameters.a.defalt: unknown key; did you mean default?",
    ),
    (T + "parameters.a={ state=5 }", "tasks.t.parameters.a.state: must be a key of the state store"),
    (T + "parameters.a='vault://x'", "is not a vault reference"),
    (T + "parameters=5", "must be a table of parameter values"),
    (T + "locks=['l-${param:x}']", '3:11: tasks.t.locks[0]: unknown parameter "x"; give it in parameters'),
    # dependencies
    (T + "depends_on=['t']", "3:13: tasks.t.depends_on[0]: the task depends on itself"),
    (T + "depends_on=['u']", '3:13: tasks.t.depends_on[0]: unknown task "u"'),
    (
        T + "depends_on=['u']\ndepends_mode=2\n[tasks.u]\nrun='x'",
        "4:14: tasks.t.depends_mode: needs 2 dependencies of 1; at most 1",
    ),
    (T + "depends_mode='any'", "there is nothing to join"),
    (T + "depends_on=['u','u']\n[tasks.u]\nrun='x'", '3:17: tasks.t.depends_on[1]: "u" stands here a second time'),
    (T + "depends_on='s'\n[services.s]\nrun='x'", "a service by that name exists, but a task cannot wait for one"),
    (T + "depends_on={task='u', on='sucess'}\n[tasks.u]\nrun='x'", 'did you mean "success"?'),
    (T + "depends_on=['u']\n[tasks.u]\nmode='template'", '"u" is a template, which never runs'),
    (T + "extends='u'\n[tasks.u]\nrun='x'", '3:9: tasks.t.extends: "u" is not a template'),
    (T + "extends='u'", '3:9: tasks.t.extends: unknown template "u"'),
    (
        "[tasks.a]\nmode='template'\nextends='b'\n[tasks.b]\nmode='template'\nextends='a'",
        "tasks.a.extends: extends itself: a -> b -> a",
    ),
    # limits
    (T + "contention='x'", '3:12: tasks.t.contention: unknown contention profile "x"; define it in [contention.*]'),
    ("[contention.c]\ntype='concurrency'", "1:13: contention.c: max is missing; a concurrency profile needs it"),
    ("[contention.c]\nmax=1", "1:13: contention.c: type is missing"),
    (
        "[contention.c]\ntype='rate'\nlimit=1\nwindow='1s'\nmax=1",
        '5:1: contention.c.max: has no meaning in a rate profile; it belongs to type = "concurrency"',
    ),
    (T + "requirements={gpu=true}", "3:14: tasks.t.requirements: no platform carries gpu = true"),
    (T + "platform='local'\nrequirements={gpu='a'}", 'the platform "local" does not carry gpu = "a"'),
    (T + "success_codes=[0,3]\nskip_codes=[3]", "4:12: tasks.t.skip_codes: 3 is in success_codes too"),
    (T + "approval={}", "tasks.t.approval: asks for nothing; set before = true or after = true"),
    ("[platforms.local]\ntype='ssh'", '2:6: platforms.local.type: the platform "local" is this host'),
    (
        "[platforms.p]\ntype='databrick'",
        '2:6: platforms.p.type: unknown platform type "databrick"; did you mean "databricks"?',
    ),
    ("[platforms.p]\nlabels=1", "platforms.p: type is missing"),
    ("[vaults.v]\ntype='hashicrop'", 'did you mean "hashicorp"?'),
    # channels
    ("[api]\nlisten='127.0.0.1:80'", "2:8: api.listen: TCP without a token would let everybody in"),
    (
        "[api]\nlisten='0.0.0.0:80'\n[[api.token]]\nname='a'\nsha256='" + "a" * 64 + "'",
        "2:8: api.listen: an address that other hosts reach needs TLS",
    ),
    ("[api]\nlisten='[::1]'", '"[::1]" is not an address'),
    ("[api]\ntls_cert='x'", "2:10: api.tls_cert: tls_key is missing"),
    ("[[api.token]]\nname='a'", "1:7: api.token[0]: sha256 is missing"),
    (
        "[[api.token]]\nname='a'\nsha256='" + "a" * 64 + "'\n[[api.token]]\nname='a'\nsha256='" + "A" * 64 + "'",
        '5:6: api.token[1].name: "a" stands here a second time',
    ),
    (
        "[[notifier]]\nid='a'\ntype='slack'\n[[notifier]]\nid='a'\ntype='ntfy'",
        '5:4: notifier[1].id: "a" stands here a second time',
    ),
    ("[[notifier]]\nid='inapp'\ntype='slack'", '2:4: notifier[0].id: "inapp" is built in'),
    ("[[notifier]]\nid='a'\ntype='slak'", 'unknown notifier type "slak"; did you mean "slack"?'),
    ("[[route]]\nnotifiers=['x']", '2:12: route[0].notifiers[0]: unknown notifier "x"'),
    (
        "[[route]]\nnotifiers=['inapp']\nmatch={events=['run.fail']}",
        'unknown event "run.fail"; did you mean "run.failed"?',
    ),
    ("[[route]]\n", "route[0]: notifiers is missing"),
    (
        T + "api_trigger=false\ncron='@daily'\n[webhooks.w]\ntask='t'\nsecret='vault://v/x'\n[vaults.v]\ntype='env'",
        '"t" has api_trigger = false, so no webhook can start it',
    ),
    (T + "api_trigger=false\non_event='e'", "api_trigger = false refuses events"),
    ("[webhooks.w]\ntask='t'\nsecret='vault://v/x'", '3:8: webhooks.w.secret: unknown vault "v"'),
    ("[notify]\nquiet_hours='22'", '"22" is not a window'),
    ("[access]\nadmins=['a b']", "is not a user name, or @group"),
    # services
    ("[services.s]\n", "1:11: services.s: says nothing to execute"),
    ("[services.s]\nrun='x'\ncommand=['x']", "3:1: services.s.command: run is given too"),
    ("[services.s]\nrun=''", "2:5: services.s.run: must not be empty"),
    ("[services.s]\ncommand=['vault://a/b']", "a vault reference inside command"),
    (
        "[services.s]\nrun='x'\nhealth_check={command=['x', 'vault://a/b']}",
        "services.s.health_check.command[1]: a vault reference inside command",
    ),
    ("[services.s]\nrun='x'\nhealth_check={}", "3:1: services.s.health_check: asks nothing"),
    (
        "[services.s]\nrun='x'\nhealth_check={tcp='a:1', http='http://a'}",
        "keep exactly one of command, run, http and tcp",
    ),
    ("[services.s]\nrun='x'\nhealth_check={tcp='a'}", '"a" is not an address'),
    *(
        (
            f"[services.s]\nrun='x'\nhealth_check={{http='{url}'}}",
            "services.s.health_check.http: is not the URL of a page",
        )
        for url in (
            "http:///x",
            "http://h:0/",
            "http://h:99999/",
            "http://h:x/",
            "http://[::1/",
            "http://:80/",
        )
    ),
    ("[services.s]\nrun='x'\ndepends_on='s'", "the service depends on itself"),
    (
        "[services.s]\nrun='x'\ndepends_on='u'\n[services.u]\nrun='x'\ndepends_on=['s']",
        "the services wait for each other: s -> u -> s",
    ),
    ("[services.s]\nrun='x'\ndepends_on='t'\n" + T, "a task by that name exists, but a service cannot wait for one"),
    ("[services.s]\nrun='x'\ninstances=0", "must be a whole number from 1 to 64"),
]


@pytest.mark.parametrize(("text", "wanted"), FAULTS, ids=[wanted[:70] for _, wanted in FAULTS])
def test_a_fault_is_told_with_place_key_and_remedy(text: str, wanted: str) -> None:
    loaded = told(text)
    assert any(wanted in str(problem) for problem in loaded.errors), [str(problem) for problem in loaded.problems]
    assert loaded.config is None


CIRCLES = """\
[tasks]
free = { run = 'x', depends_on = ['a', 'loop'] }
c = { run = 'x', depends_on = 'b' }
b = { run = 'x', depends_on = 'a' }
a = { run = 'x', depends_on = 'c' }
d = { run = 'x', depends_on = 'e' }
e = { run = 'x', depends_on = 'd' }
loop = { run = 'x', depends_on = 'back', max_turns = 3 }
back = { run = 'x', depends_on = 'loop' }
own = { run = 'x', depends_on = 'own', max_turns = 2 }
"""


def test_every_circle_is_told_once_with_its_path() -> None:
    hint = "; break the circle, or set max_turns on one of them"
    assert complaints(CIRCLES) == [
        f"polysync.toml:3:31: tasks.c.depends_on: the tasks wait for each other: c -> a -> b -> c{hint}",
        f"polysync.toml:6:31: tasks.d.depends_on: the tasks wait for each other: d -> e -> d{hint}",
    ]


def test_so_many_circles_are_told_in_time() -> None:
    pairs = (
        f"a{n} = {{ run = 'x', depends_on = 'b{n}' }}\nb{n} = {{ run = 'x', depends_on = 'a{n}' }}" for n in range(150)
    )
    assert len(told("[tasks]\n" + "\n".join(pairs)).errors) == 100


MANY_FAULTS = """\
[daemon]
max_running = 0
[tasks.a]
run = 'x'
timeout = 5
colour = 1
platform = 'p'
[tasks.b]
cron = '61 * * * *'
[[notifier]]
id = 'n'
[contention.c]
type = 'rate'
[nope]
"""


def test_every_fault_of_a_file_is_told_at_once_in_the_order_of_the_lines() -> None:
    lines = [line.split(":")[1] for line in complaints(MANY_FAULTS)]
    assert lines == ["2", "5", "6", "7", "8", "9", "10", "12", "12", "14"]


def test_a_key_that_was_refused_is_not_also_missing() -> None:
    assert len(complaints("[tasks.t]\nrun = 5\n")) == 1
