"""Tests: see the folders' names."""
