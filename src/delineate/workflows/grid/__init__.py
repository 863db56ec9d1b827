"""The grid: candidates × folds × seeds, every one a run folder, trained and scored under one rule, compared at the end.

``options`` what a person asked · ``candidates`` what is compared · ``plan`` grid.json · ``planning``, ``timing`` data and
time → plan · ``folders`` which runs there are and how far they are · ``worker`` one run · ``local``, ``cluster`` who does the
runs · ``running`` the whole · ``outcome`` what is compared at the end, and what is missing.
"""
