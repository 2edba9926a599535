"""What is found out by training several runs, or runs of a special kind: `ganzoo compare` and `ganzoo theory`."""
