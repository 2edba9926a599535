"""Records, names and files: what everything else agrees on. Standard library, pluggy and msgspec only."""
