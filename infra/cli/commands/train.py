"""Trains what is not in the repository, from the data that TELAGA_CITY_DATA names.

names: the model that finds persons' names in narratives (docs/name-model.md). The same data give the same file.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

SUMMARY = "train the model for persons' names"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    """`train names`."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT")
    names = kinds.add_parser(
        "names",
        help="persons' names in narratives, from TELAGA_CITY_DATA/pii",
        description="Trains the name model and prints where it lies, its digest and what it was trained on.",
        epilog="example: TELAGA_CITY_DATA=<folder> ./telaga train names",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names.add_argument(
        "--to", type=Path, metavar="FILE", help="the model's file (default: models/names.npz in TELAGA_HOME)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Trains; 2 where there is nothing to train on."""
    from infra.cli.progress import Progress
    from infra.settings import current_home
    from ingestion.minimise.recognizers.name_corpus import CorpusMissing
    from ingestion.minimise.recognizers.name_model import FILE_NAME, save
    from ingestion.minimise.recognizers.name_training import train

    data = os.environ.get("TELAGA_CITY_DATA")
    if not data:
        print("telaga train names: set TELAGA_CITY_DATA to the folder that holds pii/", file=sys.stderr)
        return 2
    path = arguments.to or current_home().root / "models" / FILE_NAME
    if path.suffix != ".npz":
        print("telaga train names: --to names a file that ends in .npz", file=sys.stderr)
        return 2
    progress = Progress()
    with progress.step("name model") as step:
        try:
            model = train(Path(data) / "pii", log=step)
        except CorpusMissing as error:
            print(f"telaga train names: {error}", file=sys.stderr)
            return 2
        digest = save(model, path)
    print(f"model   {path}")
    print(f"sha256  {digest}")
    print(
        f"data    {model.card['labelled_sentences']:,} labelled sentences, {model.card['name_words']:,} words of names"
    )
    print(f"fitted  on {model.card['sentences']:,} sentences, {model.card['tokens']:,} tokens")
    print("Its licence is that of its data: do not publish the file. Measure it with ./telaga bench pii.")
    return 0
