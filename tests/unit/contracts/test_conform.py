"""Each row rule, once: what it refuses, what it lets pass, and that the raw row is kept."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from ingestion.conform import conform
from ingestion.connectors import SchemaDrift
from ingestion.entities import load_entities, polars_type
from tests.unit.contracts.conftest import calls, column, delivered


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


def refused(result) -> list[str]:
    return result.rejected["rule"].to_list()


def test_rows_carry_exactly_the_entitys_columns_typed(contract, city):
    rows = conform(delivered({}), contract(), city()).rows
    entity = load_entities()["emergency_call"]
    assert rows.columns == [*entity.conformed_names, "_row", "_key"]
    assert all(rows.schema[field.name] == polars_type(field.type) for field in entity.conformed)
    assert rows["category"].to_list() == ["crime"]
    assert rows["channel"].to_list() == [None]
    assert rows["_key"].to_list() == ["1"]


def test_local_time_becomes_utc(contract, city):
    assert conform(delivered({}), contract(), city()).rows["received_at"].to_list() == [utc(2026, 5, 1, 2, 0)]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"number": None}, "key:number"),
        ({"number": "  "}, "key:number"),
        ({"kind": None}, "required:kind"),
        ({"kind": "X"}, "codes:kind"),
        ({"at": "yesterday"}, "type:at"),
        ({"at": "2026-02-30 10:00:00"}, "type:at"),
        ({"at": "2026-05-01 25:00:00"}, "type:at"),
        ({"at": None}, "required:at"),
        ({"at": "2026-07-02 00:00:00", "arrived": None}, "time:at"),
        ({"at": "1901-01-01 00:00:00"}, "time:at"),
        ({"lat": "91"}, "coordinate:lat"),
        ({"lat": "116.8", "lon": "-1.2"}, "coordinate:lat"),
        ({"lon": "-180.01"}, "coordinate:lon"),
        ({"lat": "-1,2"}, "type:lat"),
        ({"lat": "nan"}, "type:lat"),
        ({"arrived": "2026-05-01 09:59:59"}, "order:arrived"),
    ],
)
def test_a_broken_rule_rejects_the_row_whole(contract, city, change, rule):
    raw = delivered({}, {**change, **({} if "number" in change else {"number": "2"})})
    result = conform(raw, contract(), city())
    assert result.rows["_row"].to_list() == [1]
    assert refused(result) == [rule]
    assert result.broken == {rule: 1}
    kept = result.rejected.drop("rule")
    assert kept.equals(raw.filter(pl.col("_row") == 2))


def test_every_broken_rule_is_named(contract, city):
    result = conform(delivered({"kind": "X", "lat": "100"}), contract(), city())
    assert refused(result) == ["codes:kind;coordinate:lat"]
    assert result.unknown_codes == {"kind": 1}


def test_the_last_moment_of_the_day_of_grace_still_passes(contract, city):
    last = {"at": "2026-07-01 23:59:59", "arrived": None}
    assert conform(delivered(last), contract(), city()).rows.height == 1


def test_as_of_of_the_run_is_the_clock(contract, city):
    late = delivered({"at": "2026-07-02 00:00:00", "arrived": None})
    assert conform(late, contract(), city(), as_of=dt.date(2026, 7, 2)).rows.height == 1


def test_a_feed_that_plans_ahead_says_how_far(contract, city):
    document = calls()
    at = document["schema"][0]["properties"][2]["customProperties"][0]["value"]
    at["future_days"] = 10
    rows = delivered(
        {"number": "1", "at": "2026-07-10 23:00:00", "arrived": None},
        {"number": "2", "at": "2026-07-11 00:00:00", "arrived": None},
    )
    assert conform(rows, contract(document), city()).rows["_key"].to_list() == ["1"]


def test_missing_and_zero_coordinates_are_events_all_the_same(contract, city):
    rows = delivered({"lat": None, "lon": ""}, {"lat": "0", "lon": "0", "number": "2"})
    assert conform(rows, contract(), city()).rows.height == 2


def test_a_line_that_could_not_be_split_is_kept(contract, city):
    raw = delivered({}, {"number": "2"}).with_columns(
        pl.Series("_raw", [None, "2;K;half a li"], dtype=pl.String),
        *(pl.when(pl.col("_row") == 1).then(pl.col(name)).alias(name) for name in ("number", "kind", "at")),
    )
    result = conform(raw, contract(), city())
    assert refused(result) == ["unreadable_line"]
    assert result.rejected["_raw"].to_list() == ["2;K;half a li"]


def test_counts_add_up(contract, city):
    raw = delivered(*({"number": str(n), "kind": "KFX"[n % 3]} for n in range(300)))
    result = conform(raw, contract(), city())
    assert (result.rows.height, result.rejected.height) == (200, 100)
    assert set(result.rows["_row"]) | set(result.rejected["_row"]) == set(range(1, 301))


def test_a_column_of_which_no_value_fits_has_been_retyped(contract, city):
    rows = delivered(*({"number": str(n), "at": "1 May 2026"} for n in range(25)))
    with pytest.raises(SchemaDrift, match="changed: at"):
        conform(rows, contract(), city())


def test_a_few_wrong_values_are_rows_not_drift(contract, city):
    rows = delivered(*({"number": str(n), "at": "1 May 2026"} for n in range(19)))
    assert conform(rows, contract(), city()).rejected.height == 19


def test_an_empty_frame_conforms_to_nothing(contract, city):
    result = conform(delivered({}).clear(), contract(), city())
    assert (result.rows.height, result.rejected.height) == (0, 0)


# Time zones


def one_time(contract, city, text: str, zone: str, as_of: str = "2030-01-01"):
    raw = delivered({"at": text, "arrived": None})
    return conform(raw, contract(), city(time_zone=zone), as_of=dt.date.fromisoformat(as_of))


def test_an_hour_that_chicago_skipped_is_rejected(contract, city):
    result = one_time(contract, city, "2022-03-13 02:30:00", "America/Chicago")
    assert refused(result) == ["nonexistent_local_time:at"]


def test_the_minutes_around_the_skipped_hour_stand(contract, city):
    before = one_time(contract, city, "2022-03-13 01:59:59", "America/Chicago").rows["received_at"].item()
    after = one_time(contract, city, "2022-03-13 03:00:00", "America/Chicago").rows["received_at"].item()
    assert (before, after) == (utc(2022, 3, 13, 7, 59, 59), utc(2022, 3, 13, 8, 0))


def test_an_hour_that_chicago_had_twice_is_the_first(contract, city):
    rows = one_time(contract, city, "2022-11-06 01:30:00", "America/Chicago").rows
    assert rows["received_at"].item() == utc(2022, 11, 6, 6, 30)
    after = one_time(contract, city, "2022-11-06 02:00:00", "America/Chicago").rows
    assert after["received_at"].item() == utc(2022, 11, 6, 8, 0)


def test_midnight_in_nusantara_is_four_in_the_afternoon_before(contract, city):
    midnight = one_time(contract, city, "2026-05-01 00:00:00", "Asia/Makassar").rows["received_at"].item()
    before = one_time(contract, city, "2026-04-30 23:59:59", "Asia/Makassar").rows["received_at"].item()
    assert (before, midnight) == (utc(2026, 4, 30, 15, 59, 59), utc(2026, 4, 30, 16, 0))


def test_the_contracts_clock_goes_before_the_citys(contract, city):
    rows = conform(delivered({}), contract(time_zone="UTC"), city()).rows
    assert rows["received_at"].item() == utc(2026, 5, 1, 10, 0)


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("iso", "2026-05-01T10:00:00+08:00", utc(2026, 5, 1, 2, 0)),
        ("iso", "2026-05-01T02:00:00Z", utc(2026, 5, 1, 2, 0)),
        ("iso", "2026-05-01T10:00:00", utc(2026, 5, 1, 2, 0)),
        ("iso", "2026-05-01T10:00:00.250+08:00", utc(2026, 5, 1, 2, 0, 0, 250_000)),
        ("epoch_ms", "1777600800000", utc(2026, 5, 1, 2, 0)),
        ("epoch_s", "1777600800", utc(2026, 5, 1, 2, 0)),
        ("%d/%m/%Y %H:%M", "01/05/2026 10:00", utc(2026, 5, 1, 2, 0)),
        (["%d/%m/%Y %H:%M", "%Y-%m-%d"], "2026-05-01", utc(2026, 4, 30, 16, 0)),
    ],
)
def test_times_as_agencies_write_them(contract, city, form, text, expected):
    document = calls()
    document["schema"][0]["properties"][2]["customProperties"][0]["value"]["format"] = form
    rows = conform(delivered({"at": text, "arrived": None}), contract(document), city()).rows
    assert rows["received_at"].to_list() == [expected]


def test_a_number_beyond_all_years_is_no_time(contract, city):
    document = calls()
    document["schema"][0]["properties"][2]["customProperties"][0]["value"]["format"] = "epoch_ms"
    result = conform(delivered({"at": "99999999999999999", "arrived": None}), contract(document), city())
    assert refused(result) == ["type:at"]


# Values


def budget(**value):
    document = calls(
        entity="budget_line", constants={"stated_region": "64", "fiscal_year": 2026, "programme": "patrol"}
    )
    document["schema"][0]["properties"] = [column("pagu", "number", required=True, maps_to="budget_idr", **value)]
    document["schema"][0]["quality"] = []
    return document


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.250.000.000,50", 1_250_000_000.5), ("12,5", 12.5), ("900", 900.0), ("1.250", 1250.0), ("-3,5", -3.5)],
)
def test_decimal_comma_and_thousands_dot(contract, city, text, expected):
    raw = pl.DataFrame({"pagu": [text], "_row": [1]})
    result = conform(raw, contract(budget(decimal=",", thousands=".")), city())
    assert result.rows["budget_idr"].to_list() == [expected]


@pytest.mark.parametrize("text", ["1.25", "1.2500", "1,250.5", "12 500", "1.2.3"])
def test_a_separator_in_the_wrong_place_is_not_guessed_at(contract, city, text):
    raw = pl.DataFrame({"pagu": [text], "_row": [1]})
    assert refused(conform(raw, contract(budget(decimal=",", thousands=".")), city())) == ["type:pagu"]


def test_units_are_converted_and_limits_are_the_sources(contract, city):
    document = budget(unit="million", unit_factor=1_000_000)
    document["schema"][0]["properties"][0]["logicalTypeOptions"] = {"minimum": 0, "maximum": 10}
    raw = pl.DataFrame({"pagu": ["2.5", "11"], "_row": [1, 2]})
    result = conform(raw, contract(document), city())
    assert result.rows["budget_idr"].to_list() == [2_500_000.0]
    assert refused(result) == ["range:pagu"]


def test_constants_fill_what_the_agency_does_not_say(contract, city):
    rows = conform(pl.DataFrame({"pagu": ["1"], "_row": [1]}), contract(budget()), city()).rows
    assert rows.select("stated_region", "fiscal_year", "programme").rows() == [("64", 2026, "patrol")]


def incidents(**kind):
    document = calls(entity="police_record")
    value = {"codes": {"BATTERY": "assault", "DRUGS": "narcotics"}, **kind}
    document["schema"][0]["properties"] = [
        column("type", required=True, maps_to="category", **value),
        column("at", "timestamp", required=True, maps_to="occurred_from_at", format="%Y-%m-%d"),
        column("domestic", "boolean", action="drop"),
    ]
    document["schema"][0]["quality"] = []
    return document


def test_a_second_column_refines_a_code(contract, city):
    refine = [{"codes": ["BATTERY"], "when": {"column": "domestic", "equals": True}, "to": "domestic_violence"}]
    raw = pl.DataFrame(
        {
            "type": ["BATTERY", "BATTERY", "DRUGS", "BATTERY"],
            "at": ["2026-01-01"] * 4,
            "domestic": ["true", "false", "true", None],
            "_row": [1, 2, 3, 4],
        }
    )
    rows = conform(raw, contract(incidents(refine=refine)), city()).rows
    assert rows["category"].to_list() == ["domestic_violence", "assault", "narcotics", "assault"]


def test_who_reported_is_filled_from_the_categories_that_officers_discover(contract, city):
    raw = pl.DataFrame(
        {"type": ["BATTERY", "DRUGS"], "at": ["2026-01-01"] * 2, "domestic": [None, None], "_row": [1, 2]},
        schema_overrides={"domestic": pl.String},
    )
    assert conform(raw, contract(incidents()), city()).rows["reported_by"].to_list() == ["citizen", "officer"]


def test_other_codes_fall_where_the_contract_says(contract, city):
    raw = pl.DataFrame(
        {"type": ["battery", "NEW"], "at": ["2026-01-01"] * 2, "domestic": ["0", "0"], "_row": [1, 2]},
    )
    rows = conform(raw, contract(incidents(codes_else="other", ignore_case=True)), city()).rows
    assert rows["category"].to_list() == ["assault", "other"]


def test_columns_to_pseudonymise_or_redact_pass_on_and_dropped_ones_end(contract, city):
    document = calls()
    document["schema"][0]["properties"].append(column("note", classification="specific", action="extract"))
    raw = delivered({"note": "a text"})
    rows = conform(raw, contract(document), city()).rows
    assert rows["note"].to_list() == ["a text"]
    assert "caller" not in rows.columns


def test_the_citys_own_day_goes_into_a_date(contract, city):
    document = calls(entity="camera_uptime", constants={"uptime_hours": 1.0})
    document["schema"][0]["properties"] = [
        column("cam", required=True, maps_to="camera_id"),
        column("at", "timestamp", required=True, maps_to="uptime_date", format="iso"),
    ]
    document["schema"][0]["quality"] = []
    raw = pl.DataFrame({"cam": ["a"], "at": ["2026-04-30T16:00:00Z"], "_row": [1]})
    assert conform(raw, contract(document), city()).rows["uptime_date"].to_list() == [dt.date(2026, 5, 1)]
