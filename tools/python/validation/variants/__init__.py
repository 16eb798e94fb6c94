"""Edited and damaged copies of a model: how they are made, proved and published."""
