"""Measures one thing and prints one table; with --json FILE also as a list of aim, cell, value, lower, upper, n, met.

An aim that was missed is printed as MISSED. Methods that are compared run side by side in one process.
`./telaga bench NAME --help` tells a benchmark's own options.
"""

from __future__ import annotations

import argparse
import ast
from pathlib import Path

from infra.settings import REPOSITORY, SettingsError

SUMMARY = "measure: `./telaga bench NAME --help`"
ENVIRONMENT = "none"
FOLDER = REPOSITORY / "benchmarks"


def configure(parser: argparse.ArgumentParser) -> None:
    found = benchmarks()
    parser.add_argument("name", choices=sorted(found), metavar="NAME", help="one of those below")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="--json FILE, and the benchmark's own")
    listed = "\n".join(f"  {name:<16} {said['SUMMARY']}" for name, said in sorted(found.items()))
    parser.epilog = f"benchmarks:\n{listed}\n\nexample: ./telaga bench landing --json figures.json"


def environment(arguments: argparse.Namespace) -> str:
    """The environment that the chosen benchmark needs."""
    return benchmarks()[arguments.name].get("ENVIRONMENT", "main")


def run(arguments: argparse.Namespace) -> int:
    """Runs the benchmark; 0 also where an aim was missed: the table says so."""
    import importlib

    from benchmarks.report import table, write_json

    module = importlib.import_module(f"benchmarks.{arguments.name.replace('-', '_')}")
    parser = argparse.ArgumentParser(
        prog=f"./telaga bench {arguments.name}",
        description=module.__doc__ or module.SUMMARY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", dest="json_file", type=Path, metavar="FILE", help="also write the figures there")
    module.configure(parser)
    asked = parser.parse_args(arguments.words)
    if asked.json_file and not asked.json_file.absolute().parent.is_dir():
        raise SettingsError(f"no folder for {asked.json_file}: make it first")
    figures = module.run(asked)
    print(table(figures))
    if asked.json_file:
        write_json(asked.json_file, figures)
    return 0


def benchmarks() -> dict[str, dict[str, str]]:
    """Name -> what the module says of itself (SUMMARY, ENVIRONMENT), read without importing it."""
    found = {}
    for path in sorted(FOLDER.glob("[a-z]*.py")):
        said: dict[str, str] = {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                said |= {target.id: str(node.value.value) for target in node.targets if isinstance(target, ast.Name)}
        if "SUMMARY" in said:
            found[path.stem.replace("_", "-")] = said
    return found
