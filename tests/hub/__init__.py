"""Tests of `hub`, module by module, and of a real hub from outside (`test_bad_*`, `test_auth`)."""
