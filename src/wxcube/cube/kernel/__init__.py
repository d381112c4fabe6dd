"""The most expensive steps in numpy: the same tables as in SQL, several times as fast.

Most of the time of a build is spent on counting distinct users. A hash aggregate looks up every
event, once per step, in a table that does not fit into the processor's cache. Here the events of
one group of accounts and a few days are numbered, packed into one integer each and sorted; every
table is then one pass over the sorted rows. The SQL of `wxcube.cube.steps` remains the definition:
each table made here equals that of the step with the same name, and tests compare the two.
"""
