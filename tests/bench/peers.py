"""tests/bench/peers.py - the jobs of the bench programs in numpy, pandas and scipy.

peers.py JOB PATH: prints milliseconds (the best of some rounds) and the result, or leaves with 77
where a library is missing. PATH is what the bench program wrote: a CSV file, a run file, or a
folder with columns as raw doubles.
"""
import os
import sqlite3
import sys
import time

try:
    import numpy as np
    import pandas as pd
    from scipy.signal import find_peaks, lfilter, savgol_filter
except ImportError:
    sys.exit(77)


def load(folder, job):
    return {k: np.fromfile(f"{folder}/{job}_{k}.f64") for k in ("t", "v", "i", "step", "cycle")}


def charges(c):
    """Charge and energy of each row, both ways, by the rule of analysis/cycles.h."""
    i, v = c["i"], c["v"]
    first = np.r_[True, (np.diff(c["step"]) != 0) | (np.diff(c["cycle"]) != 0)]
    dt = np.diff(c["t"], prepend=c["t"][0])
    before = np.r_[i[0], i[:-1]]
    p = i * v
    p_before = np.r_[p[0], p[:-1]]
    q = np.where(first, i, (i + before) / 2) * dt / 3600
    e = np.where(first, p, (p + p_before) / 2) * dt / 3600
    return q.clip(0), (-q).clip(0), e.clip(0), (-e).clip(0)


def cycles_pandas(folder):
    c = load(folder, "cycles")

    def work():
        q_in, q_out, e_in, e_out = charges(c)
        d = pd.DataFrame({"cycle": c["cycle"], "q_in": q_in, "q_out": q_out, "e_in": e_in,
                          "e_out": e_out})
        return d.groupby("cycle").sum()["q_out"].sum()
    return work, 15


def cycles_numpy(folder):
    """The same sums with bincount instead of a data frame."""
    c = load(folder, "cycles")

    def work():
        n = c["cycle"].astype(np.int64)
        return [np.bincount(n, w) for w in charges(c)][1].sum()
    return work, 15


def cycles_sql(path):
    """Per cycle from the rows of a run file."""
    def work():
        db = sqlite3.connect(path)
        d = pd.read_sql("SELECT t_s t, voltage_v v, current_a i, step, cycle FROM cycler", db)
        db.close()
        q_out = charges({k: d[k].to_numpy() for k in d})[1]
        return pd.Series(q_out).groupby(d["cycle"]).sum().sum()
    return work, 3


def ica_scipy(folder):
    """dQ/dV of the discharge on a 2 mV grid, Savitzky-Golay of 15 points, order 2; its peaks."""
    c = load(folder, "ica")

    def work():
        i, v, t = c["i"], c["v"], c["t"]
        on = np.flatnonzero(i < -0.1)
        v, i, t = v[on], i[on], t[on]
        q = np.cumsum((i + np.r_[i[0], i[:-1]]) / 2 * np.diff(t, prepend=t[0])) / 3600
        level = np.rint((v - v.min()) / 0.001).astype(np.int64)
        n = np.bincount(level)
        keep = n > 0
        x = np.bincount(level, v)[keep] / n[keep]
        y = np.bincount(level, q)[keep] / n[keep]
        grid = np.arange(v.min(), v.max(), 0.002)
        d = np.abs(savgol_filter(np.interp(grid, x, y), 15, 2, deriv=1, delta=0.002))
        peaks, _ = find_peaks(d, prominence=0.03 * d.max())
        return grid[peaks[0]] if len(peaks) else np.nan
    return work, 15


def read_csv(path):
    return lambda: float(len(pd.read_csv(path))), 3


def to_sql(path):
    """Into a database file, without hash, extremes or summaries."""
    def work():
        d = pd.read_csv(path)
        db = sqlite3.connect(path + ".db")
        d.to_sql("cycler", db, if_exists="replace", index=False)
        db.commit()
        db.close()
        os.remove(path + ".db")
        return float(len(d))
    return work, 1


def drive():
    n = 1000000
    i = ((np.arange(n) * 37) % 61 - 30).astype(float)
    soc = 0.6 + np.cumsum(i) * 0.1 / (30.5 * 3600)
    nodes = np.linspace(0, 1, 11)
    a1 = np.exp(-0.1 / np.interp(soc, nodes, 9 + nodes))
    r0 = np.interp(soc, nodes, np.full(11, 1.7e-3))
    return i, soc, a1, r0


def ocv(soc):
    return np.interp(soc, np.linspace(0, 1, 401), 3.0 + 1.2 * np.linspace(0, 1, 401))


def ecm_numpy(_):
    """Exponentials and charge in whole columns, pairs and hysteresis one after the other."""
    def work():
        i, soc, a1, r0 = drive()
        a2 = np.exp(-0.1 / 110.0)
        ah = np.exp(-45.0 * np.abs(i) * 0.1 / (30.5 * 3600))
        b1 = (1 - a1) * 0.5e-3 * i
        b2 = (1 - a2) * 2e-3 * i
        bh = (1 - ah) * 0.008 * np.sign(i)
        v1 = v2 = h = 0.0
        out = np.empty(len(i))
        k = 0
        for x1, y1, y2, xh, yh in zip(a1.tolist(), b1.tolist(), b2.tolist(), ah.tolist(),
                                      bh.tolist()):
            v1 = v1 * x1 + y1
            v2 = v2 * a2 + y2
            h = h * xh + yh
            out[k] = v1 + v2 + h
            k += 1
        out += ocv(soc) + r0 * i
        return out[-1]
    return work, 2


def ecm_lfilter(_):
    """With constant time constants and no hysteresis, which compiled filters can do."""
    def work():
        i, soc, _, r0 = drive()
        a1, a2 = np.exp(-0.1 / 9.5), np.exp(-0.1 / 110.0)
        v1 = lfilter([(1 - a1) * 0.5e-3], [1, -a1], i)
        v2 = lfilter([(1 - a2) * 2e-3], [1, -a2], i)
        return (v1 + v2 + ocv(soc) + r0 * i)[-1]
    return work, 5


def trace_pandas(path):
    """Extremes of a channel in 2000 pieces of time; the result is their widest."""
    def work():
        db = sqlite3.connect(path)
        d = pd.read_sql("SELECT t_s, voltage_v FROM cycler", db)
        db.close()
        t = d["t_s"].to_numpy()
        piece = ((t - t[0]) / (t[-1] - t[0]) * 2000).astype(int).clip(max=1999)
        g = d["voltage_v"].groupby(piece)
        return float(g.max().max() - g.min().min())
    return work, 3


def branches_pandas(path):
    """Voltage over charge of each half cycle, 400 points each; the result is the last charge."""
    def work():
        db = sqlite3.connect(path)
        d = pd.read_sql("SELECT c.cycle, s.verb, c.charge_ah, c.voltage_v FROM cycler c"
                        " JOIN step s ON s.number = c.step", db)
        db.close()
        last = 0.0
        for verb in ("charge", "discharge"):
            for _, g in d[d["verb"] == verb].groupby("cycle"):
                stride = max(1, -(-(len(g) - 1) // 399))
                last = abs(float(g.iloc[np.r_[0:len(g) - 1:stride, len(g) - 1]]["charge_ah"]
                                 .iloc[-1]))
        return last
    return work, 3


def rows_pandas(path):
    """All rows of the table as CSV text."""
    def work():
        db = sqlite3.connect(path)
        d = pd.read_sql("SELECT * FROM cycler", db)
        db.close()
        d.to_csv(os.devnull, index=False)
        return float(len(d))
    return work, 1


job, rounds = globals()[sys.argv[1]](sys.argv[2])
least, result = None, None
for _ in range(rounds):
    t0 = time.perf_counter()
    result = job()
    took = time.perf_counter() - t0
    least = took if least is None else min(least, took)
print(f"{least * 1e3:.3f} {result:.9g}")
