"""Stepwave: an open, complete Step-Audio 2. See docs/architecture.md for the map of the package."""

__version__ = "0.1.0"
