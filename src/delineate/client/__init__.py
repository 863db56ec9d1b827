"""Typed client of a Delineate server, standard library only."""
