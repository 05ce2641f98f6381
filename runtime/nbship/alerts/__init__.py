"""Alerts in three tiers, each with somebody who owns it and what is to be done.

``rules`` says what may be raised and reads ``[tool.nbship.alerts]``, ``lifecycle`` is how one alert goes on from
window to window, ``sinks`` carry what happened to where people look, ``prometheus`` writes the same rules as a file
for Prometheus.
"""
