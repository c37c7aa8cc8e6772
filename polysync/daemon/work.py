"""From a run and its definition to `Work`: everything filled in, every secret fetched, nothing left to decide."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from polysync.adapters.local.given import given_to
from polysync.daemon.env_file import read_env_file
from polysync.daemon.recipe import Recipe, recipe_of, start_failed
from polysync.daemon.secrets import PREFIX, Vaults
from polysync.daemon.veil import NO_COVER, Given, Veils
from polysync.domain.cover import Cover
from polysync.domain.definition import Definition
from polysync.domain.errors import ValueProblem
from polysync.domain.params import env_names, text_of
from polysync.domain.placement import LOCAL
from polysync.domain.rows import Attempt, Run
from polysync.domain.settings import Configuration
from polysync.domain.task import Task
from polysync.domain.values import Command
from polysync.domain.variables import Variables, fill_parameters, rfc3339, slot_of
from polysync.ports import PortError, Secret, Work

REMEMBERED: Final = 20_000  # recipes; above that somebody reloads all day, and they are made again
Environment = dict[str, str | Secret]


class Preparer:
    """Prepares attempts under the configuration that holds now."""

    def __init__(
        self,
        configuration: Configuration,
        definition_of: Callable[[Run], Definition | None],
        *,
        env: Mapping[str, str],
        folder: Path,
        socket: Path,
    ) -> None:
        self._definition_of = definition_of
        self._env = env
        self._folder = folder
        self._socket = str(socket)
        self._recipes: dict[tuple[str, str], Recipe] = {}
        self._veils = Veils()
        self.configure(configuration)

    def configure(self, configuration: Configuration) -> None:
        """Another configuration holds: jobs, platforms and vaults may be others."""
        self._configuration = configuration
        self._vaults = Vaults(configuration.vaults, self._env, str(self._folder))
        self._recipes.clear()
        self._veils.clear()

    async def prepare(self, run: Run, attempt: Attempt) -> Work:
        """The work of an attempt; `PortError` says why there can be none."""
        recipe = self._recipe(run, attempt.platform)
        with _in_words():
            given = await self._given(run, attempt, recipe)
            command = _filled(recipe.command, given.about) if recipe.filling else recipe.command
            environment = await self._environment(run, attempt, recipe.task, given)
        _check_nul(environment)
        return Work(
            token=attempt.token,
            run_id=run.id,
            number=attempt.number,
            task=run.task,
            type=recipe.type,
            external_id=recipe.external_id,
            command=command,
            process=recipe.task,
            folder=str(self._folder),
            settings=given.settings,
            parameters=given.about.parameters,
            environment=environment,
            cover=await self._veils.cover(given, recipe) if recipe.secretive else NO_COVER,
        )

    async def cover(self, run: Run, attempt: Attempt) -> Cover:
        """What covers an attempt that was started before: its secrets as they are now, and as it was given them."""
        recipe = self._recipe(run, attempt.platform)
        if not recipe.secretive:
            return NO_COVER
        with _in_words():
            given = await self._given(run, attempt, recipe)
        before = await asyncio.to_thread(_given_before, attempt, recipe, given)
        return await self._veils.cover(given._replace(secrets={**given.secrets, **before}), recipe)

    def _recipe(self, run: Run, platform: str) -> Recipe:
        recipe = self._recipes.get((run.definition, platform))
        if recipe is None:
            if len(self._recipes) >= REMEMBERED:
                self._recipes.clear()
            definition = self._definition_of(run)
            if definition is None:  # the engine is just being built anew
                raise PortError(f"the definition of task {run.task} is not at hand")
            recipe = self._recipes[run.definition, platform] = recipe_of(definition, platform, self._configuration)
        return recipe

    async def _given(self, run: Run, attempt: Attempt, recipe: Recipe) -> Given:
        parameters = await self._parameters(run, attempt, recipe)
        about = Variables(run, attempt.number, recipe.zone, parameters, recipe.sensitive)
        secrets = {name: await self._vaults.fetch(reference) for name, reference in recipe.task.secrets.items()}
        settings = about.fill_all(recipe.settings) if recipe.filling else recipe.settings
        if recipe.below:
            settings = {**recipe.below, **settings}
        return Given(about, await self._opened(settings) if recipe.fetching else settings, secrets)

    async def _parameters(self, run: Run, attempt: Attempt, recipe: Recipe) -> Mapping[str, Any]:
        values = run.parameters
        for name, key in recipe.states.items():
            if name not in values:
                raise ValueProblem(f"the parameter {name} takes its value from the state {key}, which is not set")
        if recipe.templated:
            about = Variables(run, attempt.number, recipe.zone, values, recipe.sensitive)
            values = fill_parameters(recipe.templated, recipe.task.parameters, recipe.schema, about)
        if not recipe.sensitive:
            return values
        made = {name: _closed(value) if name in recipe.sensitive else value for name, value in values.items()}
        for name, reference in recipe.vaults.items():
            if name not in run.overrides:
                made[name] = await self._vaults.fetch(reference)
        return made

    async def _environment(self, run: Run, attempt: Attempt, task: Task, given: Given) -> Mapping[str, str | Secret]:
        """What goes over the daemon's own environment, weakest first."""
        made: Environment = {}
        for name in task.env_file:
            made.update(await asyncio.to_thread(read_env_file, self._folder / name))
        made.update(task.env)
        made.update(given.secrets)
        parameters = given.about.parameters
        if parameters:
            for name, variable in env_names(parameters).items():
                made[variable] = _as_text(parameters[name])
        made.update(words_of(run, attempt, self._socket))
        return made

    async def _opened(self, value: Any) -> Any:
        """`value` with each vault reference in it replaced by its secret."""
        if isinstance(value, str):
            return await self._vaults.fetch(value) if value.startswith(PREFIX) else value
        if isinstance(value, Mapping):
            return {name: await self._opened(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [await self._opened(item) for item in value]
        return value


@contextmanager
def _in_words() -> Iterator[None]:
    """A value that cannot be used ends the attempt, with the words for it."""
    try:
        yield
    except ValueProblem as problem:
        hint = f"; {problem.hint}" if problem.hint else ""
        raise start_failed(problem.message + hint) from problem


def _given_before(attempt: Attempt, recipe: Recipe, given: Given) -> dict[str, Secret]:
    """What the process of an attempt got of secrets, which may have been changed since: it still puts that out."""
    if attempt.platform != LOCAL or attempt.handle is None:
        return {}
    variables = env_names(given.about.parameters)
    names = {*recipe.task.secrets, *(variables[name] for name in recipe.vaults if name in variables)}
    found = given_to(attempt.handle, attempt.token, names) if names else {}
    return {f"{name} before": Secret(value) for name, value in found.items()}


def words_of(run: Run, attempt: Attempt, socket: str) -> dict[str, str]:
    """What every attempt is told about itself."""
    words = {
        "POLYSYNC_RUN_ID": str(run.id),
        "POLYSYNC_TASK": run.task,
        "POLYSYNC_ATTEMPT": str(attempt.number),
        "POLYSYNC_TRIGGER": run.trigger.value,
        "POLYSYNC_SCHEDULED_FOR": rfc3339(slot_of(run)),
        "POLYSYNC_CORRELATION_ID": run.correlation_id,
        "POLYSYNC_SOCKET": socket,
        "TRACEPARENT": traceparent(run.correlation_id, attempt.token),
    }
    if run.instance:
        words["POLYSYNC_INSTANCE"] = str(run.instance)
    if run.parents:
        words["POLYSYNC_PARENT_ID"] = ",".join(map(str, run.parents))
    if run.comment is not None:
        words["POLYSYNC_REVIEW_COMMENT"] = run.comment
    return words


def traceparent(correlation_id: str, token: str) -> str:
    """The trace of everything with this correlation id, and the span of this attempt (W3C trace context)."""
    whole = len(correlation_id) == 32 and set(correlation_id) <= _HEX and correlation_id.strip("0")
    trace = correlation_id if whole else blake2b(correlation_id.encode(), digest_size=16).hexdigest()
    return f"00-{trace}-{token[:16]}-01"


_HEX: Final = frozenset("0123456789abcdef")


def _filled(command: Command | None, about: Variables) -> Command | None:
    if command is None or not command.argv:
        return command
    return Command(argv=tuple(map(about.fill, command.argv)))


def _closed(value: Any) -> Any:
    """A sensitive value that prints as stars; what is no text keeps its type for the platform's sake."""
    return Secret(value) if isinstance(value, str) else value


def _as_text(value: Any) -> str | Secret:
    return value if isinstance(value, Secret) else text_of(value)


def _check_nul(environment: Mapping[str, str | Secret]) -> None:
    """What holds a NUL character would reach the program cut short."""
    for name, value in environment.items():
        if "\0" in (value if isinstance(value, str) else value.reveal()):
            raise start_failed(f"the environment variable {name} would hold a NUL character")
