"""Lists that come in pages are read to their end, whichever way a forge counts them, and none for ever."""

import pytest

from jobs.forges.lists import LONGEST, PAGES, paged, paged_by_link, paged_by_start

SIZE = 100


def slices(count, start):
    return [{"id": number} for number in range(start, min(start + SIZE, count))]


def by_number(count):
    async def page(number):
        return slices(count, (number - 1) * SIZE)

    return paged(page, SIZE)


def by_start(count):
    async def page(start):
        end = start + SIZE
        return {"values": slices(count, start), "isLastPage": end >= count, "nextPageStart": end}

    return paged_by_start(page, SIZE)


def by_link(count):
    async def page(path):
        place, _, start = path.partition("?start=")
        assert place == "/hooks", "a link to another host or path is not followed there"
        end = int(start) + SIZE
        return {"values": slices(count, int(start))} | ({"next": f"https://evil.example/x?start={end}"} if end < count else {})

    return paged_by_link(page, "/hooks?start=0")


@pytest.mark.parametrize("count", [0, 1, SIZE - 1, SIZE, SIZE + 1, 5 * SIZE])
@pytest.mark.parametrize("read", [by_number, by_start, by_link])
async def test_all_lines_come_in_order(read, count):
    assert [line["id"] async for line in read(count)] == list(range(count))


@pytest.mark.parametrize(("read", "most"), [(by_number, LONGEST), (by_start, LONGEST), (by_link, PAGES * SIZE)])
async def test_one_without_an_end_is_left(read, most):
    assert len([line async for line in read(10**9)]) == most


@pytest.mark.parametrize("answer", [{}, {"message": "moved"}, None, ""])
async def test_what_is_no_list_is_not_taken_for_an_empty_one(answer):
    async def page(_):
        return answer

    with pytest.raises(TypeError):
        _ = [line async for line in paged(page, SIZE)]
