"""What measures speed and quality; each runs as `python -m benchmarks.NAME`."""
