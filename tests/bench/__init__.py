"""`make bench`: the hub beside its peers and the bare `send()` loop. Nothing in the product imports it."""
