"""Commands as click sees them: loaded one by one, each with the global options, their errors in our words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

import click

from polysync.cli.failure import Failure, usage
from polysync.cli.session import COLOURS, Session
from polysync.cli.verbs import HIDDEN, VERBS
from polysync.config.suggest import closest, did_you_mean
from polysync.domain.safe_text import safe_text

HELP_NAMES: Final = ("-h", "--help")


def invoke(words: Sequence[str], session: Session) -> int:
    """Run the command that the words name: its exit status."""
    width = session.text_width
    try:
        with GROUP.make_context(
            "polysync", list(words), obj=session, terminal_width=width, max_content_width=width
        ) as context:
            ended = GROUP.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        raise _usage(error) from error
    except click.ClickException as error:
        raise usage(_sentence(error.format_message())) from error
    return ended if isinstance(ended, int) else 0


def _usage(error: click.UsageError) -> Failure:
    """A fault on the command line, in our words."""
    command = error.ctx.command_path if error.ctx else "polysync"
    more = f"{command} --help"
    if isinstance(error, click.NoSuchOption):
        options = [name for p in error.ctx.command.params for name in p.opts] if error.ctx else []
        return usage(f"{command} has no option {error.option_name}", _meant(error.option_name, options) or more)
    return usage(_sentence(error.format_message()), more)


def _meant(word: str, options: Sequence[str]) -> str:
    """The option that was meant, as a hint."""
    long = [name.removeprefix("--") for name in options if name.startswith("--")]
    typed = word.lstrip("-")
    guess = next((name for name in long if typed and name.startswith(typed)), None) or closest(typed, long)
    return f"did you mean --{guess}?" if guess else ""


def _sentence(message: str) -> str:
    said = " ".join(message.split()).rstrip(".")
    return said[:1].lower() + said[1:]


def _empty(parameter: click.Parameter) -> Failure:
    """An option whose value is empty, as an unset variable of a script makes it: not the same as no option."""
    return usage(f"{parameter.opts[-1]}: the value is empty", "leave the option out, or give it a value")


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Remember a global option; written twice, the last one counts."""
    if value == "":
        raise _empty(parameter)
    if value is not None:
        session: Session = context.find_root().obj
        session.given[str(parameter.name)] = "1" if value is True else value


def _help(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
    if not value:
        return
    session: Session = context.find_root().obj
    if context.parent is None:
        from polysync.cli.frontpage import front_page

        front_page(session)
    else:
        session.around.stdout.write(context.get_help() + "\n")
    context.exit()


def _version(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
    if value:
        from polysync.cli.frontpage import version

        version(context.find_root().obj)
        context.exit()


def global_options() -> list[click.Parameter]:
    """The options that every command and the program itself take."""
    kept: dict[str, Any] = {"expose_value": False, "callback": _keep, "is_eager": True, "hidden": True}
    shown: dict[str, Any] = {"is_flag": True, "expose_value": False, "is_eager": True}
    return [
        click.Option(["-c", "--config"], metavar="FILE", **kept),
        click.Option(["--data"], metavar="DIR", **kept),
        click.Option(["--socket"], metavar="PATH", **kept),
        click.Option(["--json"], is_flag=True, default=None, **kept),
        click.Option(["-q", "--quiet"], is_flag=True, default=None, **kept),
        click.Option(["--color"], type=click.Choice(COLOURS), **kept),
        click.Option([*HELP_NAMES], help="Show this page.", callback=_help, **shown),
    ]


class Verb(click.Command):
    """One command; it takes the global options too, and its help ends with examples."""

    examples: Sequence[str] = ()

    def __init__(self, name: str, *, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(name, add_help_option=False, **kwargs)
        self.params.extend(global_options())
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words of the command; an error in them knows whose they were."""
        try:
            rest = super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise
        for parameter in self.params:
            if isinstance(parameter, click.Option) and ctx.params.get(str(parameter.name)) == "":
                raise _empty(parameter)
        return rest

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, each as it can be typed, and where the other options are told."""
        del ctx
        if self.examples:
            formatter.write_paragraph()
            formatter.write("Examples:\n")
            for example in self.examples:
                formatter.write(f"  {example}\n")
        formatter.write_paragraph()
        formatter.write("Also -c/--config, --json, -q, --color …: see polysync --help.\n")


class Parts(click.Group):
    """A command with parts of its own, and the options that every command takes."""

    format_epilog = Verb.format_epilog

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The part that the first word names, and the words after it."""
        name = args[0]
        if name not in self.commands:
            meant = did_you_mean(name, self.commands, quoted=False)
            raise usage(f"{ctx.command_path} has no part {safe_text(name)}", meant or f"{ctx.command_path} --help")
        return super().resolve_command(ctx, args)


class Verbs(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that people call."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        del ctx
        known = {**{verb: module for verb, (module, _) in VERBS.items()}, **HIDDEN}
        if name not in known:
            return None
        found = import_module(f"polysync.cli.{known[name]}").command
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names, and the words after it."""
        name, *rest = args
        command = self.get_command(ctx, name)
        if command is None:
            shown = safe_text(name)
            raise usage(
                f"polysync has no command {shown}", did_you_mean(name, VERBS, quoted=False) or "polysync --help"
            )
        return name, command, rest


def verb(name: str, *, examples: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Verb]:
    """Make a command of a function."""
    return click.command(name, cls=Verb, examples=examples)


def _bare(context: click.Context) -> int:
    if context.invoked_subcommand is not None:
        return 0
    from polysync.cli.bare import greet

    return greet(context.obj)


GROUP: Final = Verbs(
    "polysync",
    callback=click.pass_context(_bare),
    invoke_without_command=True,
    add_help_option=False,
    params=[
        *global_options(),
        click.Option(["-V", "--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version),
    ],
)
