"""Data sets: found, downloaded, checked; in memory where they fit."""
