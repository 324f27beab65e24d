"""`./telaga`: reads the command, makes the environment that it needs, and runs it there."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import pkgutil
import signal
import sys
from types import FrameType, ModuleType
from typing import NoReturn

from infra.cli import commands, envs
from infra.settings import SettingsError

DESCRIPTION = """\
Telaga: a data lakehouse for region security. It scores places, never people.

  ./telaga demo     the whole thing on simulated agencies, ending at dashboards
  ./telaga test     the tests
"""
EPILOG = "State lies in TELAGA_HOME (default .telaga), environments in TELAGA_ENVS (default .venvs). See README.md."
# The order in which a newcomer meets them; the rest follows by name.
FIRST = ("demo", "run", "up", "down", "status", "test", "bench")
# Rooms whose exceptions carry a message for the reader: what happened and the next step, never a personal value.
ROOMS = ("infra.", "ingestion.", "expectations.", "estimation.", "governance.", "benchmarks.")


def main(given: list[str]) -> int:
    """Runs one command; returns its exit code (1 failed, 2 refused, 130 interrupted)."""
    found = _commands()
    parser = _parser(found)
    arguments = parser.parse_args(given)
    command: ModuleType = found[arguments.command]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        wanted = command.environment(arguments) if hasattr(command, "environment") else command.ENVIRONMENT
        _enter(wanted, given)
        return int(command.run(arguments))
    except KeyboardInterrupt:
        print("telaga: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe has left (`| head`): nothing is wrong, and nothing more can be said.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not type(error).__module__.startswith(ROOMS):
            raise
        print(f"telaga: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1


def _commands() -> dict[str, ModuleType]:
    names = sorted(
        (module.name for module in pkgutil.iter_modules(commands.__path__)),
        key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name),
    )
    return {name.replace("_", "-"): importlib.import_module(f"{commands.__name__}.{name}") for name in names}


def _parser(found: dict[str, ModuleType]) -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="./telaga", description=DESCRIPTION, epilog=EPILOG, formatter_class=shape, allow_abbrev=False
    )
    below = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in found.items():
        about = command.__doc__ or command.SUMMARY
        own = below.add_parser(name, help=command.SUMMARY, description=about, formatter_class=shape, allow_abbrev=False)
        command.configure(own)
    return parser


def _enter(environment: str, given: list[str]) -> None:
    """Goes on in the wanted environment's own interpreter; returns where this already is it, or none is wanted."""
    if environment == "none" or envs.is_inside(environment):
        return
    interpreter = envs.ensure(environment, lambda line: print(f"telaga: {line}", file=sys.stderr, flush=True))
    sys.stdout.flush()
    os.execv(interpreter, [str(interpreter), "-m", "infra.cli", *given])  # noqa: S606  our own interpreter


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    # As Ctrl-C: whatever this command started is stopped on the way out.
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
