"""How good what a generator draws is, in numbers."""
