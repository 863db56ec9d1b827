"""The model behind HTTP: REST under ``/v1``, the web page at ``/``. Loads no torch; the app is in :mod:`delineate.server.app`.

docs/server.md is the interface that clients may rely on.
"""
