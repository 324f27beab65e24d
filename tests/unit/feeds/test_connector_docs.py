"""Every example of docs/connectors.md is one that the contract's check accepts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ingestion.contract import check_contract
from tests.support.landing import CALLS, call_columns, call_feed, column

PAGE = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## (\w+)\n```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
FORMATS = {"postgres": {}, "ogc_features": {}, "http": {"kind": "jsonl"}}


def test_every_connector_has_an_example() -> None:
    assert set(EXAMPLES) == {"folder", "s3", "sftp", "postgres", "http", "ogc_features"}


@pytest.mark.parametrize("connector", sorted(EXAMPLES))
def test_the_example_of_a_connector_is_accepted(connector: str, tmp_path: Path) -> None:
    columns = call_columns()
    times = {"physicalType": "timestamptz", "classification": "personal"}
    columns += [column(name, "timestamp", action="drop", **times) for name in ("changed_at", "happened_at")]
    document = call_feed(columns, connector=connector, format=FORMATS.get(connector, {"kind": "csv"}), period={})
    document |= yaml.safe_load(EXAMPLES[connector])
    path = tmp_path / f"{CALLS}.odcs.yaml"
    path.write_text(yaml.safe_dump(document))
    assert check_contract(path) == []
