"""What ends in staging reaches no other model, however it is dressed; the one declared count does."""

from __future__ import annotations

import pytest

from governance.lineage import Model, Relation, kind_of, refusals

RECORDS = Relation(
    "minimised",
    "police_record",
    ("feed", "record_key", "occurred_at", "occurred_local_date", "region_code", "category"),
    {"record_key": "record key", "occurred_at": "exact time"},
)
REGIONS = Relation("minimised", "region", ("region_code", "name"))
STAGING = Model(
    "staging",
    "stg_police_record",
    "staging",
    "select cast(record_key as varchar) as the_key, occurred_at, occurred_local_date, region_code, category "
    'from "scratch"."minimised"."police_record"',
    ("police_record",),
)
PLACES = Model("staging", "stg_region", "staging", "select region_code, name from minimised.region", ("region",))

VIOLATIONS = {
    "rename": "select the_key as case_name, region_code from staging.stg_police_record",
    "hash": "select md5(the_key) as x, region_code from staging.stg_police_record",
    "concatenation": "select region_code || '-' || the_key as x from staging.stg_police_record",
    "concatenation by a function": "select concat(region_code, '-', the_key) as x from staging.stg_police_record",
    "struct": "select {'a': region_code, 'b': the_key} as x from staging.stg_police_record",
    "struct by a function": "select struct_pack(a := region_code, b := the_key) as x from staging.stg_police_record",
    "join only": (
        "select a.region_code, count(*) as n from staging.stg_police_record as a "
        "inner join staging.stg_police_record as b on a.the_key = b.the_key group by a.region_code"
    ),
    "filter only": "select region_code, count(*) as n from staging.stg_police_record where the_key > 'a' group by 1",
    "having only": "select region_code from staging.stg_police_record group by 1 having max(the_key) > 'a'",
    "order only": ("select region_code, row_number() over (order by the_key) as n from staging.stg_police_record"),
    "count distinct": "select region_code, count(distinct the_key) as n from staging.stg_police_record group by 1",
    "exact time": "select date_trunc('hour', occurred_at) h, count(*) n from staging.stg_police_record group by h",
    "star": "select * from staging.stg_police_record",
    "through a step": (
        "with a as (select *, the_key as k from staging.stg_police_record), b as (select k as l from a) "
        "select count(l) as n from b"
    ),
    "in a subquery": (
        "select region_code from staging.stg_region where region_code in "
        "(select region_code from staging.stg_police_record where the_key = 'a')"
    ),
    "in a union": (
        "select region_code as x from staging.stg_police_record union all select the_key from staging.stg_police_record"
    ),
    "whole row": "select r as x from staging.stg_police_record as r",
    "columns by pattern": "select columns('.*key') from staging.stg_police_record",
}


def judged(sql: str | None, *more: Model, layer: str = "intermediate", reads: tuple[str, ...] = ("stg_police_record",)):  # type: ignore[no-untyped-def]
    model = Model("intermediate", "int_x", layer, sql, reads)
    return refusals((RECORDS, REGIONS), (STAGING, PLACES, *more, model))


@pytest.mark.parametrize("how", VIOLATIONS)
def test_a_model_that_reads_what_ends_in_staging_is_refused(how: str) -> None:
    found = judged(VIOLATIONS[how])
    assert found, how
    assert {refusal.model for refusal in found} == {"int_x"}
    wanted = "occurred_at" if how == "exact time" else "the_key"
    assert f"stg_police_record.{wanted}" in {refusal.source for refusal in found}
    assert "which ends in staging" in str(found[0])


def test_a_model_that_reads_nothing_of_the_kind_is_not() -> None:
    assert (
        judged(
            "with a as (select region_code, occurred_local_date, category from staging.stg_police_record) "
            "select r.name, a.category, count(*) as n from a inner join staging.stg_region as r using (region_code) "
            "where a.occurred_local_date > date '2026-01-01' group by r.name, a.category"
        )
        == ()
    )


def test_the_refusal_names_model_column_and_source() -> None:
    (refusal,) = judged(VIOLATIONS["rename"])
    assert str(refusal) == (
        "int_x.case_name is made of stg_police_record.the_key (record key), which ends in staging: leave it out"
    )
    (hidden,) = judged(VIOLATIONS["filter only"])
    assert hidden.column == "" and "filters" in str(hidden)


COUNTED = "select region_code, count(distinct record_key) as n_cases from minimised.police_record group by region_code"


def test_a_count_that_staging_makes_and_declares_goes_on() -> None:
    reads = "select region_code, sum(n_cases) as n from staging.stg_cases group by region_code"
    declared = Model("staging", "stg_cases", "staging", COUNTED, ("police_record",), {"n_cases": "record_key"})
    assert judged(reads, declared, reads=("stg_cases",)) == ()
    undeclared = Model("staging", "stg_cases", "staging", COUNTED, ("police_record",))
    assert judged(reads, undeclared, reads=("stg_cases",))
    # A declaration is no pass for what is no count, or a count of something else.
    largest = COUNTED.replace("count(distinct record_key)", "max(record_key)")
    lying = Model("staging", "stg_cases", "staging", largest, ("police_record",), {"n_cases": "record_key"})
    assert judged(reads, lying, reads=("stg_cases",))
    other = Model("staging", "stg_cases", "staging", COUNTED, ("police_record",), {"n_cases": "occurred_at"})
    assert judged(reads, other, reads=("stg_cases",))


def test_an_opaque_step_may_read_nothing_classified() -> None:
    assert judged(None)
    assert judged("this is no SQL at all (")
    assert judged(None, reads=("stg_region",)) == ()


def test_marts_and_estimates_are_held_to_the_same() -> None:
    for layer in ("marts", "estimates", "reports"):
        assert judged(VIOLATIONS["hash"], layer=layer)


@pytest.mark.parametrize(
    ("column", "data_type", "source", "kind"),
    [
        ("record_key", "string", "minimised", "record key"),
        ("camera_key", "string", "minimised", "record key"),
        ("plate_token", "string", "minimised", "plate"),
        ("occurred_at", "timestamp", "minimised", "exact time"),
        ("logged_at", "timestamp", "control", None),
        ("occurred_local_date", "date", "minimised", None),
        ("region_code", "string", "minimised", None),
        ("agama", "string", "minimised", "religion"),
    ],
)
def test_what_a_source_holds_is_told_by_name_and_type(
    column: str, data_type: str, source: str, kind: str | None
) -> None:
    assert kind_of(column, data_type, source) == kind
