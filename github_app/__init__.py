"""Remit: labelled issues become governed work."""

__version__ = "0.1.0"
