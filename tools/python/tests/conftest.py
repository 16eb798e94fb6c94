"""Hypothesis draws the same examples every time: a test that fails does so for whoever runs it."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
