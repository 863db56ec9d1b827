"""The desktop program (extra ``[desktop]``): a thin layer of Qt over :mod:`delineate.editing`. See docs/desktop.md.

Importing this loads no Qt; :func:`delineate.desktop.program.run` does.
"""
