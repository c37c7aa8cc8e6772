"""Completion scripts: commands and options are written into them, only task names are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import click

from polysync.cli.group import GROUP, verb
from polysync.cli.session import COLOURS, Session
from polysync.cli.verbs import VERBS

GLOBAL: Final = "-c --config --data --socket --json -q --quiet --color -h --help"
# Commands whose words are names, and of what.
OF_TASKS: Final = (
    "next", "show", "simulate", "graph", "exec", "logs", "tasks", "why", "test", "pause", "resume", "skip-next",
    "backfill"
)  # fmt: skip
OF_RUNS: Final = (
    "run", "stop", "release", "wait", "approve", "deny", "request-changes", "rerun", "archive"
)  # fmt: skip
NAMING: Final = {**dict.fromkeys(OF_TASKS, "tasks"), **dict.fromkeys(OF_RUNS, "runs"), "service": "services"}

BASH: Final = r"""# polysync completion for bash; put into ~/.bashrc:  eval "$(polysync completion bash)"
_polysync_names() {
  local i file=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -c|--config|--data|--socket) file+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]/#\~/$HOME}") ;;
    esac
  done
  "${COMP_WORDS[0]/#\~/$HOME}" _names "$1" "${file[@]}" 2>/dev/null
}
_polysync() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' i words=''
  # A name with a colon arrives in pieces; the piece before the last colon has been typed already.
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -c|--config|--data|--socket|--color) ((i++)) ;;
      -*) ;;
      *) verb=${COMP_WORDS[i]}; break ;;
    esac
  done
  case $before in
    -c|--config|--data|--socket|-o|--output)
      COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null; return ;;
@VALUES@  esac
  case $verb in
    '') words='@VERBS@ @GLOBAL@ -V --version' ;;
@CASES@  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -F _polysync polysync
"""

ZSH: Final = r"""#compdef polysync
# polysync completion for zsh; put into ~/.zshrc:  eval "$(polysync completion zsh)"
_polysync_names() {
  local -a file names
  local i
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in -c|--config|--data|--socket) file+=($words[i] ${words[i + 1]/#\~/$HOME}) ;; esac
  done
  names=(${(f)"$(${words[1]/#\~/$HOME} _names $1 $file 2>/dev/null)"})
  compadd -a names
}
_polysync() {
  local verb='' i before=$words[CURRENT - 1]
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      -c|--config|--data|--socket|--color) ((i++)) ;;
      -*) ;;
      *) verb=$words[i]; break ;;
    esac
  done
  case $before in
    -c|--config|--data|--socket|-o|--output) _files; return ;;
@VALUES@  esac
  case $verb in
    '') local -a verbs; verbs=(
@DESCRIBED@    ); _describe command verbs; compadd -- @GLOBAL@ -V --version ;;
@CASES@  esac
}
if [ "$funcstack[1]" = _polysync ]; then _polysync "$@"; else compdef _polysync polysync; fi
"""


@verb("completion", examples=('eval "$(polysync completion bash)"', "polysync completion fish | source"))
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(session: Session, shell: str) -> None:
    """Print a completion script for SHELL: commands, options and the names of your tasks."""
    session.around.stdout.write(SCRIPTS[shell]())


def options_of(name: str) -> list[str]:
    """The options of one command, without the global ones."""
    found = _verb(name)
    parts = found.commands.values() if isinstance(found, click.Group) else (found,)
    params = [p for part in parts for p in part.params if isinstance(p, click.Option) and not p.hidden]
    return list(dict.fromkeys(option for p in params for option in p.opts))


def choices_of(name: str) -> dict[str, list[str]]:
    """The options of one command that take one of a few words, with these."""
    params = (p for p in _verb(name).params if isinstance(p, click.Option) and _choices(p))
    return {option: _choices(p) for p in params for option in p.opts}


def _choices(parameter: click.Parameter) -> list[str]:
    return [str(choice) for choice in parameter.type.choices] if isinstance(parameter.type, click.Choice) else []


def _verb(name: str) -> click.Command:
    found = GROUP.get_command(click.Context(GROUP), name)
    if found is None:  # pragma: no cover - the names come from the same table
        raise KeyError(name)
    return found


def _words_of(name: str) -> str:
    """What may follow a command beside its options, in the words of the shell."""
    found = _verb(name)
    if isinstance(found, click.Group):
        return " ".join(found.list_commands(click.Context(found)))
    return " ".join(word for p in found.params if isinstance(p, click.Argument) for word in _choices(p))


def _values() -> dict[str, list[str]]:
    """Every option that takes one of a few words, with these."""
    found: dict[str, list[str]] = {"--color": list(COLOURS)}
    for name in VERBS:
        for option, words in choices_of(name).items():
            found[option] = list(dict.fromkeys([*found.get(option, []), *words]))
    return found


def _bash() -> str:
    cases = ""
    for name in VERBS:
        options = " ".join(dict.fromkeys([*options_of(name), *GLOBAL.split()]))
        asked = f"$(_polysync_names {NAMING[name]})" if name in NAMING else ""
        following = " ".join(filter(None, (_words_of(name), asked)))
        if following:  # options would hide the names, and are asked for with a dash
            cases += f'    {name}) if [[ $current == -* ]]; then words="{options}"; else words="{following}"; fi ;;\n'
        else:
            cases += f'    {name}) words="{options}"; compopt -o default 2>/dev/null ;;\n'
    values = "".join(
        f"    {option}) COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$current\")); return ;;\n"
        for option, words in _values().items()
    )
    values += '    --task) COMPREPLY=($(compgen -W "$(_polysync_names tasks)" -- "$current")); return ;;\n'
    return _filled(BASH, {"VALUES": values, "CASES": cases})


def _zsh() -> str:
    cases = ""
    for name in VERBS:
        words = " ".join(filter(None, (_words_of(name), *options_of(name), GLOBAL)))
        asked = f"_polysync_names {NAMING[name]}; " if name in NAMING else "" if _words_of(name) else "_files; "
        cases += f"    {name}) {asked}compadd -- {words} ;;\n"
    values = "".join(f"    {option}) compadd {' '.join(words)}; return ;;\n" for option, words in _values().items())
    values += "    --task) _polysync_names tasks; return ;;\n"
    described = "".join(f"      '{name}:{_quoted(words)}'\n" for name, (_, words) in VERBS.items())
    return _filled(ZSH, {"VALUES": values, "CASES": cases, "DESCRIBED": described})


def _quoted(words: str) -> str:
    return words.replace("'", "’").replace(":", "\\:")


def _filled(script: str, parts: Mapping[str, str]) -> str:
    for mark, text in {**parts, "VERBS": " ".join(VERBS), "GLOBAL": GLOBAL}.items():
        script = script.replace(f"@{mark}@", text)
    return script


def _fish() -> str:
    lines = [
        "# polysync completion for fish:  polysync completion fish > ~/.config/fish/completions/polysync.fish",
        "function __polysync_names",
        "  set -l file",
        "  set -l typed (commandline -opc)",
        "  for i in (seq 2 (count $typed))",
        "    contains -- $typed[$i] -c --config --data --socket; and set -a file $typed[$i] $typed[(math $i + 1)]",
        "  end",
        "  $typed[1] _names $argv[1] $file 2>/dev/null",
        "end",
        f"set -l verbs {' '.join(VERBS)}",
        "complete -c polysync -f",
        *(f"complete -c polysync -l {name} -r -F" for name in ("config", "data", "socket")),
        "complete -c polysync -s c -r -F",
        "complete -c polysync -l json",
        "complete -c polysync -s q -l quiet",
        f"complete -c polysync -l color -x -a '{' '.join(COLOURS)}'",
    ]
    for name, (_, words) in VERBS.items():
        lines += _fish_verb(name, words)
    return "\n".join(lines) + "\n"


def _fish_verb(name: str, words: str) -> list[str]:
    within = f"complete -c polysync -n '__fish_seen_subcommand_from {name}'"
    lines = [
        f"complete -c polysync -n 'not __fish_seen_subcommand_from $verbs' -a {name} -d '{words.replace(chr(39), '’')}'"
    ]
    if name in NAMING:
        lines.append(f"{within} -a '(__polysync_names {NAMING[name]})'")
    if following := _words_of(name):
        lines.append(f"{within} -a '{following}'")
    elif name not in NAMING:
        lines.append(f"{within} -F")
    for option in options_of(name):
        kind = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
        choice = ["(__polysync_names tasks)"] if option == "--task" else choices_of(name).get(option)
        lines.append(f"{within} {kind}" + (f" -x -a '{' '.join(choice)}'" if choice else ""))
    return lines


SCRIPTS: Final[Mapping[str, Callable[[], str]]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
