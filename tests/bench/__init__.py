"""Measurements: a file a subject, each a ratio against a peer or a bare loop, taken in one run on one machine.

`peers/` holds what we are measured against: programs of their own, run by `.venv-bench`; `models/` what ours runs.
"""
