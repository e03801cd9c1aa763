"""The exchange's session by way of a browser, in a process of its own.

`client` starts the helper (`python -m agent.drivers.binance.login`) and ends it; `browser` is what runs in there. The
invariants: whatever happens has one named result, and no process outlives it; a secret is on no command line, in no
event and in no log: it goes through a pipe of its own. The browser is an ordinary one, and a challenge the person's.
"""
