import pybamm

cycle = (
    "Discharge at C/10 for 10 hours or until 3.3 V",
    "Rest for 1 hour",
    "Charge at 1 A until 4.1 V",
    "Hold at 4.1 V until 50 mA",
)
experiment = pybamm.Experiment(
    [cycle] * 3 + ["Charge at 200 mA for 45 minutes (1 minute period)"],
    period="10 seconds",
    temperature="25 oC",
)
