"""Two instances on one Redis share no key, and all keys of one share a slot."""

import inspect

from jobs.keys import Keys


def every_key(keys):
    for name, member in inspect.getmembers(Keys):
        if name.startswith("_") or name == "instance":
            continue
        if isinstance(member, property):
            yield name, getattr(keys, name)
        elif callable(member) and name != "wake":
            count = len(inspect.signature(member).parameters) - 1
            yield name, getattr(keys, name)(*(f"part{number}" for number in range(count)))


def test_keys_of_an_instance_are_its_own_and_all_different():
    ours, others = dict(every_key(Keys("a"))), dict(every_key(Keys("b")))
    assert all(key.startswith("{trueup:a}:") for key in ours.values())
    assert not set(ours.values()) & set(others.values())
    assert len(set(ours.values())) == len(ours)


def test_the_keys_of_jobs_and_workers_begin_as_scripts_build_them():
    keys = Keys()
    assert keys.job("") + "x" == keys.job("x")
    assert keys.worker("") + "x" == keys.worker("x")


def test_the_wake_list_belongs_to_its_queue():
    assert Keys.wake(Keys().queue) != Keys.wake(Keys().cluster_queue("uid"))
