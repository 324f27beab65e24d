"""Patrol plans: monthly CSV files in an old encoding, one month of them still ahead."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from infra.simulator.ledger import Expected, Ledger, csv_bytes, deliver, scatter
from infra.simulator.people import make_people
from infra.simulator.seeds import stream, times
from infra.simulator.world import World

FEED = "polda_kaltim.patrol_plans"
FOLDER = "inbox/polda_kaltim/rencana_patroli"
UNITS = ("SAMAPTA", "LANTAS", "BINMAS", "RESKRIM", "AIRUD", "OBVIT")
SHIFTS = (("SAMAPTA", 7, 8, 1.0), ("SAMAPTA", 19, 9, 1.0), ("LANTAS", 6, 6, 0.6), ("BINMAS", 9, 5, 0.35), ("RESKRIM",
    21, 7, 0.3),
          ("AIRUD", 8, 6, 0.1), ("OBVIT", 8, 10, 0.15))  # fmt: skip
FAULTS = {"unparseable_time": 0.0008, "ends_before_start": 0.0008, "unknown_code": 0.0005, "unparseable_number": 0.0006}


def deliver_patrols(world: World, ledger: Ledger) -> None:
    """Plans of all simulated days and of the 31 days after them."""
    rng = stream(world.seed, FEED)
    frame = _plans(world, rng)
    where = scatter(rng, frame.height, FAULTS)
    columns = {
        name: np.array(frame[name].to_list(), dtype=object)
        for name in ("mulai", "selesai", "satuan", "jumlah_personel")
    }
    columns["mulai"][where["unparseable_time"]] = "2025-06-31 08:00"
    for at in where["ends_before_start"]:
        columns["selesai"][at] = str(np.datetime64(columns["mulai"][at][:10]) - 1) + " 08:00"
    columns["satuan"][where["unknown_code"]] = "SABHARA"
    columns["jumlah_personel"][where["unparseable_number"]] = "enam"
    fault = np.full(frame.height, "", dtype=object)
    for name, rows in where.items():
        fault[rows] = name
    frame = frame.with_columns(pl.Series(name, values.tolist(), dtype=pl.String) for name, values in columns.items())
    for month in frame["bulan"].unique().sort():
        rows = np.flatnonzero((frame["bulan"] == month).to_numpy())
        file = f"{FOLDER}/rencana_patroli_{month}.csv"
        content = csv_bytes(frame[rows].drop("bulan"), separator=";", encoding="cp1252")
        first = np.datetime64(month, "D").astype(object)
        deliver(ledger.root, file, content, min(first - timedelta(days=4), world.as_of))
        names, counts = np.unique(fault[rows][fault[rows] != ""].astype(str), return_counts=True)
        refused = {str(name): int(number) for name, number in zip(names, counts, strict=True)}
        ledger.note(Expected(FEED, file, len(rows), len(rows) - sum(refused.values()), 0, refused))
    ledger.note_personal(FEED, "nama_perwira", "PERSON", frame["id_rencana"], frame["nama_perwira"])


def _plans(world: World, rng: np.random.Generator) -> pl.DataFrame:
    effort = world.patrol_effort * len(world.kecamatan)
    parts = []
    days = world.first_day + np.arange(world.days + 31)
    for unit, start, hours, chance in SHIFTS:
        share = np.clip(chance * (0.45 + 0.55 * effort), 0.05, 1.0)
        drawn = rng.random((len(days), len(effort))) < share
        day, region = np.nonzero(drawn)
        begin = days[day].astype("datetime64[s]") + (start * 3600 + rng.choice([0, 1800], size=len(day))).astype(
            "timedelta64[s]"
        )
        end = begin + (hours * 3600 + rng.integers(-2, 3, size=len(day)) * 900).astype("timedelta64[s]")
        officers = 2 + rng.poisson(1.5 + 2 * effort[region])
        parts.append((np.full(len(day), UNITS.index(unit)), region, begin, end, officers))
    unit_at, region, begin, end, officers = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(begin, kind="stable")
    unit_at, region, begin, end, officers = unit_at[order], region[order], begin[order], end[order], officers[order]
    people = make_people(
        rng, [(place.code, place.name) for place in world.kecamatan], np.full(len(effort), 20), world.as_of.year
    )
    rank = pl.Series(("Aipda", "Bripka", "Ipda", "Iptu", "Brigpol")).gather(rng.integers(0, 5, size=len(order)))
    name = rank + " " + people.frame["nama"].gather(people.living_in(rng, region))
    # The old encoding shows in a few names only.
    name = pl.select(
        pl.when(pl.lit(pl.Series(rng.random(len(order)) < 0.02))).then(pl.lit(name) + " Désiré").otherwise(pl.lit(name))
    ).to_series()
    return pl.DataFrame(
        {
            "id_rencana": pl.Series(np.arange(1, len(order) + 1)).cast(pl.String).str.zfill(7),
            "satuan": pl.Series(UNITS).gather(unit_at),
            "kode_kecamatan": pl.Series([place.code for place in world.kecamatan]).gather(region),
            "mulai": times(begin).dt.strftime("%Y-%m-%d %H:%M"),
            "selesai": times(end).dt.strftime("%Y-%m-%d %H:%M"),
            "jumlah_personel": pl.Series(officers).cast(pl.String),
            "nama_perwira": name,
            "bulan": times(begin).dt.strftime("%Y-%m"),
        }
    ).with_columns(pl.format("RP-{}", "id_rencana").alias("id_rencana"))
