"""Exported bundles in other programs: each draws a bundle's self-test, and one judge says how far off it is."""
