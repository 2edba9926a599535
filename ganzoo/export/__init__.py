"""From a run to a bundle that proves itself."""
