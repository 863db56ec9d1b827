"""Typed client of a Delineate server. Standard library only; numpy is loaded when a mask is asked for as an array.

from delineate.client import Client
with Client("http://127.0.0.1:8080") as server:
    found = server.segment("chest.png")
    found.mask("lung")           # boolean array on the image's own grid
    found.quality["needs_review"]
"""

from delineate.client.answers import Job, Segmentation
from delineate.client.connection import Client, ServerProblem

__all__ = ["Client", "Job", "Segmentation", "ServerProblem"]
