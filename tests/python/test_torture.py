"""A short run of what `make torture` does two hundred times."""

import random

import torture


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path):
    seed = random.randrange(1 << 32)
    try:
        done = torture.run(8, tmp_path, seed, cache_disk="0")
    except BaseException:
        print(f"seed {seed}")
        raise
    assert done > 20, done
