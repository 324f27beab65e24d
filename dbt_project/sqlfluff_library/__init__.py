"""What sqlfluff needs to know of dbt to lint the models without a database: vars, dates and pinned tables."""

import datetime as _datetime
from pathlib import Path as _Path

import yaml as _yaml

_PROJECT = _Path(__file__).resolve().parents[1] / "dbt_project.yml"
_VARS = _yaml.safe_load(_PROJECT.read_text(encoding="utf-8"))["vars"]["telaga"]


def var(name, default=None):
    """The project's own default, so that what is linted is what would run."""
    return _VARS.get(name, default)


def pinned(kind, name):
    return f"{kind}.{name}"


def quoted(name):
    return f'"{name}"'


def local_day(timestamp):
    return f"cast({timestamp} as date)"


class _Dbt:
    """dbt's cross-database macros, as DuckDB would have them."""

    def date_trunc(self, part, day):
        return f"date_trunc('{part}', {day})"

    def dateadd(self, part, number, day):
        return f"date_add({day}, interval ({number}) {part})"

    def datediff(self, first, second, part):
        return f"date_diff('{part}', {first}, {second})"

    def type_string(self):
        return "text"


class _Modules:
    datetime = _datetime


dbt = _Dbt()
modules = _Modules()
