"""Style, types and SQL style, with the locked versions of the tools: ruff, mypy, sqlfluff."""

from __future__ import annotations

import argparse

SUMMARY = "ruff, mypy and sqlfluff with the locked versions"
ENVIRONMENT = "test"
TOOLS = ("ruff", "mypy", "sql")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tools", nargs="*", metavar="TOOL", help=f"any of {', '.join(TOOLS)} (default: all)")
    parser.epilog = "example: ./telaga lint ruff"


def run(arguments: argparse.Namespace) -> int:
    """Runs the tools; 1 where one finds something."""
    from infra.settings import SettingsError

    unknown = sorted(set(arguments.tools) - set(TOOLS))
    if unknown:
        raise SettingsError(f"no tool {', '.join(unknown)}: one of {', '.join(TOOLS)}")
    return max(check(tool) for tool in arguments.tools or TOOLS)


def check(tool: str) -> int:
    """Runs one tool over the repository; its exit code."""
    import os
    import subprocess
    import sys
    from pathlib import Path

    from infra.settings import REPOSITORY

    tools = Path(sys.prefix) / "bin"
    commands: dict[str, list[list[object]]] = {
        "ruff": [[tools / "ruff", "check", "."], [tools / "ruff", "format", "--check", "."]],
        "mypy": [[sys.executable, "-m", "mypy"]],
        "sql": [[sys.executable, "-m", "sqlfluff", "lint", "dbt_project/models", "dbt_project/tests"]],
    }
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "dbt_project")])}
    code = 0
    for command in commands[tool]:
        print(f"lint: {' '.join(Path(str(word)).name for word in command)}", flush=True)
        code = max(code, subprocess.run([str(word) for word in command], cwd=REPOSITORY, env=variables).returncode)
    return code
