"""The list of what the sandbox does not offer is neither too long nor too short: `not_offered` tests must fail there, see conftest."""

import re
from pathlib import Path

from tests.contract.offered import NOT_OFFERED


def test_every_entry_is_the_reason_of_a_test_and_of_nothing_else():
    texts = [file.read_text() for file in Path(__file__).parent.glob("test_*.py")]
    used = {name for text in texts for name in re.findall(r'not_offered\("([^"]+)"\)', text)}
    assert used == set(NOT_OFFERED)


def test_the_list_is_in_the_readme():
    readme = (Path(__file__).parent / "README.md").read_text()
    assert [name for name, why in NOT_OFFERED.items() if f"| {name} | {why} |" not in readme] == []
