"""The facts of the machine."""

import json

import numpy as np

from tt_bench import Machine


def test_it_states_facts() -> None:
    machine = Machine.here()
    assert machine.cpu
    assert machine.logical_cores is None or machine.logical_cores >= 1
    assert machine.memory_bytes > 10_000_000
    assert machine.numpy == np.__version__
    assert machine.load >= 0
    assert "\n" not in str(machine)


def test_it_goes_through_json() -> None:
    machine = Machine.here()
    assert Machine.from_dict(json.loads(json.dumps(machine.to_dict()))) == machine
