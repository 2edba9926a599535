"""Data sets in memory: found, downloaded, checked."""
