"""The statements of Goodfellow et al. (2014), arXiv:1406.2661, as checks of the zoo's own losses and networks.

Section 3 is the game, 4.1 its optimum (Proposition 1, Theorem 1), 4.2 the way there (Proposition 2), 6 what goes wrong.
"""
