"""A run's page for people: `ganzoo report`, and at the end of every training."""
