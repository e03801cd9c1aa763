"""The hub's bad days: each illness of a store, on real servers, with agents connected, before, while and after.

`illnesses.py` and `network.py` say what happens to a store, `row.py` what is done and measured meanwhile, and the
tests are the table. `make faults` runs it and prints the figures; one case a mechanism stands in `make test`.
"""
