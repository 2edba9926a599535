"""Exported models behind a page and an API. Needs no torch; the server needs the packages of `ganzoo[serve]`."""
