"""The load generator as a program: it counts each frame of a real server once, and knows who hung up."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .generator import Generator
from .measure_fanout import one_round
from .peers.bare import Bare
from .processes import Cores, Program, Programs

AGENTS = 50


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    with Programs(tmp_path, Cores.of_this_machine()) as programs:
        peer = Bare(programs)
        peer.start()
        peer.connect(AGENTS)
        yield peer


def test_a_round_counts_every_frame_and_the_servers_cpu(bare: Bare) -> None:
    sample = one_round(bare, AGENTS)
    assert 0 < sample["p50_ms"] <= sample["p99_ms"] <= sample["max_ms"]
    assert sample["cpu_us"] > 0


def test_a_frozen_agent_reads_again_after_the_thaw(bare: Bare) -> None:
    generator: Generator = bare.generator
    assert len(generator.ask("freeze", count=5)["ports"]) == 5
    generator.ask("arm", count=AGENTS, pids=[])
    published = bare.publish()
    assert not generator.ask("wait", timeout=0.2)["done"]
    assert generator.ask("report", order=published.order_id, t0=published.t0)["connections"] == AGENTS - 5
    generator.ask("thaw")
    assert generator.ask("wait", timeout=10)["done"]


def test_a_server_that_dies_is_noticed(bare: Bare) -> None:
    bare.program.stop()
    assert bare.generator.ask("await_gone", count=0, timeout=10)["done"]
    assert sum(bare.generator.ask("stats")["seen"].values()) == AGENTS


def test_all_that_was_started_ends_with_the_context(tmp_path: Path) -> None:
    with Programs(tmp_path, Cores.of_this_machine()) as programs:
        program: Program = programs.start("sleeper", [sys.executable, "-c", "input()"], 0, talks=True)
        assert program.process.poll() is None
    assert program.process.poll() is not None
