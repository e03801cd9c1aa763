"""Tests of `protocol`, as specifications of the wire contract."""
