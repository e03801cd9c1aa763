"""One kit for all tests that look at a hub from outside: HTTP and the admin, people, scripted agents.

Invariant: nothing here asks the code under test whether it did well; rows are read with SQL of the kit's own.
"""
