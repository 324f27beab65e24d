"""Which marts are made of what narratives told: by name, through macros, through estimates, and never too few."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from governance.marts import ManifestError
from governance.term_readers import TERM_COLUMNS, term_readers
from ingestion.minimise.columns import REDACTED, TERMS

POLICE = "source.telaga.minimised.police_record"
PATTERNS = "source.telaga.estimates.patterns"
STAGED = "select\n    cast(category as string) as category,\n    cast(modus_terms as string) as modus_words\nfrom t"


def model(folder: str, sql: str, *parents: str, macros: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "package_name": "telaga",
        "original_file_path": f"models/{folder}/x.sql",
        "raw_code": sql,
        "depends_on": {"nodes": list(parents), "macros": [f"macro.telaga.{name}" for name in macros]},
    }


def readers(tmp_path: Path, estimates: dict[str, tuple[str, ...]] | None = None, **models: Any) -> dict[str, Any]:
    """Of a manifest with a staging model `stg` over police records, and the given ones."""
    nodes = {"stg": model("staging", STAGED, POLICE), **models}
    manifest = {
        "nodes": {f"model.telaga.{name}": {**node, "name": name} for name, node in nodes.items()},
        "sources": {
            POLICE: {
                "source_name": "minimised",
                "name": "police_record",
                "columns": {"category": {}, "modus_terms": {}, "place_terms": {}},
            },
            PATTERNS: {"source_name": "estimates", "name": "patterns", "columns": {}},
        },
        "macros": {
            "macro.telaga.outer": {"macro_sql": "", "depends_on": {"macros": ["macro.telaga.inner"]}},
            "macro.telaga.inner": {"macro_sql": "modus_words is not null"},
        },
    }
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    return term_readers(path, estimates or {})


def ref(name: str) -> str:
    return f"model.telaga.{name}"


def test_the_names_of_terms_are_those_that_landing_fills() -> None:
    assert {*TERMS, REDACTED} == TERM_COLUMNS


def test_a_mart_of_terms_is_told_from_one_of_the_same_records_without(tmp_path: Path) -> None:
    found = readers(
        tmp_path,
        int_modus=model("intermediate", "select modus_words as modus, count(*) as n from t", ref("stg")),
        int_counts=model("intermediate", "select category, count(*) as n from t", ref("stg")),
        patterns=model("marts", "select modus, n from t", ref("int_modus")),
        index=model("marts", "select category, n from t", ref("int_counts")),
    )
    assert found == {"patterns": frozenset({"police_record"})}


@pytest.mark.parametrize(
    "sql",
    ["select category from t where modus_words like '%x%'", "select * from t", "select t.* from t"],
    ids=["a condition", "every column", "every column of a table"],
)
def test_whatever_a_model_of_terms_hands_on_is_made_of_them(tmp_path: Path, sql: str) -> None:
    found = readers(
        tmp_path,
        int_some=model("intermediate", sql, ref("stg")),
        index=model("marts", "select category from t", ref("int_some")),
    )
    assert set(found) == {"index"}


def test_a_comment_reads_nothing_and_a_macro_does(tmp_path: Path) -> None:
    found = readers(
        tmp_path,
        int_comment=model("intermediate", "select category from t -- not modus_words\n{# modus_words #}", ref("stg")),
        int_macro=model("intermediate", "select category from t", ref("stg"), macros=("outer",)),
        plain=model("marts", "select category from t", ref("int_comment")),
        called=model("marts", "select category from t", ref("int_macro")),
    )
    assert set(found) == {"called"}


def test_an_estimate_is_made_of_the_aggregates_that_it_is_said_to_read(tmp_path: Path) -> None:
    models = {
        "int_modus": model("intermediate", "select modus_words from t", ref("stg")),
        "int_counts": model("intermediate", "select category from t", ref("stg")),
        "est": model("estimates", "select x from t", PATTERNS),
        "shown": model("marts", "select x from t", ref("est")),
    }
    assert set(readers(tmp_path, {"patterns": ("int_modus",)}, **models)) == {"shown"}
    assert readers(tmp_path, {"patterns": ("int_counts",)}, **models) == {}
    # Of one that nobody speaks for, all is taken to be read.
    assert set(readers(tmp_path, **models)) == {"shown"}


def test_a_staging_model_whose_line_has_no_name_at_its_end_taints_all_it_gives(tmp_path: Path) -> None:
    odd = "select\n    category,\n    coalesce(modus_terms, '')\n    as words\nfrom t"
    found = readers(
        tmp_path,
        stg_odd=model("staging", odd, POLICE),
        index=model("marts", "select category from t", ref("stg_odd")),
    )
    assert set(found) == {"index"}


def test_a_file_that_is_no_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ManifestError, match="no dbt manifest there: run build_marts"):
        term_readers(tmp_path / "manifest.json", {})
