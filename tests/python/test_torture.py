"""A short run of what `make torture` does two hundred times."""

import random
import threading

import pytest

import torture


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path):
    seed = random.randrange(1 << 32)
    try:
        done = torture.run(8, tmp_path, seed, cache_disk="0")
    except BaseException:
        print(f"seed {seed}")
        raise
    assert done > 20, done


@pytest.mark.parametrize("error, before_the_kill, after_it", [
    (torture.Dead(), True, False),
    (AssertionError("a wrong answer"), True, True),
    (TimeoutError("no answer"), True, True),
])
def test_only_a_connection_that_the_kill_broke_is_let_pass(error, before_the_kill, after_it):
    class Worker:
        def step(self, _):
            stop.set()
            raise error

    for happened, expected in [(False, before_the_kill), (True, after_it)]:
        stop, killed, failures = threading.Event(), threading.Event(), []
        if happened:
            killed.set()
        torture.work(Worker(), None, stop, killed, failures)
        assert bool(failures) is expected


def test_what_a_killed_server_looks_like():
    def broken():
        raise ConnectionResetError

    def slow():
        raise TimeoutError

    with pytest.raises(torture.Dead):
        torture.until_dead(broken)
    with pytest.raises(TimeoutError):
        torture.until_dead(slow)
