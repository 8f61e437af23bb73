"""tests/bench/bench_analysis.py - the jobs of bench_analysis.c in numpy, pandas and scipy.

bench_analysis.py FOLDER: reads the columns that bench_analysis wrote there (raw doubles) and prints
"job milliseconds result", the best of fifteen. Exit code 77 where a library is missing.
"""
import sys
import time

try:
    import numpy as np
    import pandas as pd
    from scipy.signal import find_peaks, savgol_filter
except ImportError:
    sys.exit(77)


def load(folder, job):
    return {k: np.fromfile(f"{folder}/{job}_{k}.f64") for k in ("t", "v", "i", "step", "cycle")}


def best(job, work):
    least, result = None, None
    for _ in range(15):
        t0 = time.perf_counter()
        result = work()
        took = time.perf_counter() - t0
        least = took if least is None else min(least, took)
    print(f"{job} {least * 1e3:.3f} {result:.9g}")


def cycles_pandas(c):
    """Charge and energy of each cycle, both ways, by the rule of analysis/cycles.h."""
    i, v = c["i"], c["v"]
    first = np.r_[True, (np.diff(c["step"]) != 0) | (np.diff(c["cycle"]) != 0)]
    dt = np.diff(c["t"], prepend=c["t"][0])
    before = np.r_[i[0], i[:-1]]
    p = i * v
    p_before = np.r_[p[0], p[:-1]]
    q = np.where(first, i, (i + before) / 2) * dt / 3600
    e = np.where(first, p, (p + p_before) / 2) * dt / 3600
    d = pd.DataFrame({"cycle": c["cycle"], "q_in": q.clip(0), "q_out": (-q).clip(0),
                      "e_in": e.clip(0), "e_out": (-e).clip(0)})
    s = d.groupby("cycle").sum()
    return s["q_out"].sum()


def cycles_numpy(c):
    """The same sums with bincount instead of a data frame."""
    i, v = c["i"], c["v"]
    first = np.r_[True, (np.diff(c["step"]) != 0) | (np.diff(c["cycle"]) != 0)]
    dt = np.diff(c["t"], prepend=c["t"][0])
    before = np.r_[i[0], i[:-1]]
    p = i * v
    p_before = np.r_[p[0], p[:-1]]
    q = np.where(first, i, (i + before) / 2) * dt / 3600
    e = np.where(first, p, (p + p_before) / 2) * dt / 3600
    n = c["cycle"].astype(np.int64)
    sums = [np.bincount(n, w) for w in (q.clip(0), (-q).clip(0), e.clip(0), (-e).clip(0))]
    return sums[1].sum()


def ica(c):
    """dQ/dV of the discharge on a 2 mV grid, Savitzky-Golay of 15 points, order 2; its peaks."""
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
    d = -savgol_filter(np.interp(grid, x, y), 15, 2, deriv=1, delta=0.002)
    d = np.abs(d)
    peaks, _ = find_peaks(d, prominence=0.03 * d.max())
    return grid[peaks[0]] if len(peaks) else np.nan


folder = sys.argv[1]
columns = load(folder, "cycles")
best("cycles_pandas", lambda: cycles_pandas(columns))
best("cycles_numpy", lambda: cycles_numpy(columns))
columns = load(folder, "ica")
best("ica_scipy", lambda: ica(columns))
