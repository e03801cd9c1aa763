"""One kit for all tests that look at hubs from outside: HTTP and the admin, people, clusters, agents of three kinds.

Scripted agents keep to the protocol and do what the test says, raw ones say what a test wants without good manners,
true ones are the program itself. Invariant: nothing here asks the code under test whether it did well; rows are read
with SQL of the kit's own.
"""
