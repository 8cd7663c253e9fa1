"""What bounds a stream: order, room, time."""

import asyncio
import logging
import random
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import grpc
import pytest

from galleria.v1 import contents_pb2 as pb
from galleria_server.content import make_content
from galleria_server.domain.errors_content import StreamIdle
from galleria_server.pushes.bits import bits_of, set_bits
from galleria_server.pushes.outbox import Outbox
from galleria_server.pushes.slots import Slots
from galleria_server.streams import first_sent, read_ahead, sent
from tests.server.refusals import refused
from tests.support.content import MIB
from tests.support.server_thread import config_in, server_thread
from tests.support.wire_client import WireClient, cut_image


def notice(segments: Sequence[int], received: int) -> str:
    return f"durable {list(segments)} {received}"


async def numbers(count: int) -> AsyncGenerator[int, None]:
    for number in range(count):
        yield number


async def silence() -> AsyncIterator[int]:
    await asyncio.Event().wait()
    yield 0


async def everything(answers: AsyncIterator[object]) -> list[object]:
    return [answer async for answer in answers]


def test_bits_are_lowest_first() -> None:
    assert bits_of([True, False, False, True, False, False, False, False, True]) == b"\x09\x01"
    assert bits_of([False] * 9) == b"\0\0"
    assert set_bits({0, 9}) == b"\x01\x02"
    assert set_bits(()) == b""


def test_answers_keep_the_order_of_the_questions() -> None:
    async def run() -> list[object]:
        outbox: Outbox[str] = Outbox(notice)
        loop = asyncio.get_running_loop()
        first, second = loop.create_future(), loop.create_future()
        await outbox.answer(first)
        await outbox.answer(second)
        second.set_result("second")
        outbox.end()
        loop.call_soon(first.set_result, "first")
        return await everything(aiter(outbox))

    assert asyncio.run(run()) == ["first", "second"]


def test_notices_that_wait_are_joined() -> None:
    async def run() -> list[object]:
        outbox: Outbox[str] = Outbox(notice)
        outbox.durable([1], 10)
        outbox.durable([2, 3], 30)
        outbox.durable([], 20)
        outbox.end()
        return await everything(aiter(outbox))

    assert asyncio.run(run()) == ["durable [1, 2, 3] 30"]


def test_a_failure_comes_before_what_waits_and_the_first_counts() -> None:
    async def run() -> None:
        outbox: Outbox[str] = Outbox(notice)
        outbox.durable([1], 10)
        outbox.fail(KeyError("first"))
        outbox.fail(ValueError("second"))
        with pytest.raises(KeyError):
            await everything(aiter(outbox))

    asyncio.run(run())


def test_a_full_outbox_makes_the_next_question_wait() -> None:
    async def run() -> None:
        outbox: Outbox[str] = Outbox(notice, limit=1)
        done = asyncio.get_running_loop().create_future()
        done.set_result("one")
        await outbox.answer(done)
        waiting = asyncio.ensure_future(outbox.answer(done))
        await asyncio.sleep(0)
        assert not waiting.done()
        assert await anext(aiter(outbox)) == "one"
        await waiting

    asyncio.run(run())


def test_no_more_work_is_begun_than_there_are_slots() -> None:
    async def run() -> None:
        failures: list[BaseException] = []
        slots = Slots(2, failures.append)
        gate = asyncio.Event()
        first = [await slots.start(gate.wait) for _ in range(2)]
        third = asyncio.ensure_future(slots.start(fail))
        await asyncio.sleep(0)
        assert not third.done()
        assert slots.busy
        gate.set()
        await slots.settle()
        await third
        await slots.settle()
        assert [type(failure) for failure in failures] == [KeyError]
        assert all(task.done() for task in first)
        assert not slots.busy

    asyncio.run(run())


async def fail() -> None:
    raise KeyError


def test_silence_is_told_only_while_nothing_is_done_for_the_client() -> None:
    async def run() -> None:
        looks = iter([True, True, False])
        with pytest.raises(StreamIdle) as idle:
            await everything(sent(silence(), 0.01, busy=lambda: next(looks)))
        assert (idle.value.direction, idle.value.seconds) == ("sent", 0.01)
        assert next(looks, None) is None

    asyncio.run(run())


def test_what_is_sent_in_time_is_passed_on() -> None:
    async def run() -> None:
        assert await everything(sent(numbers(3), 10, busy=lambda: False)) == [0, 1, 2]
        assert await first_sent(numbers(3), 10) == 0
        assert await first_sent(numbers(0), 10) is None
        with pytest.raises(StreamIdle):
            await first_sent(silence(), 0.01)

    asyncio.run(run())


def test_reading_ahead_is_bounded_and_keeps_order_and_errors() -> None:
    async def run() -> None:
        made: list[int] = []

        async def source() -> AsyncGenerator[int, None]:
            for number in range(10):
                made.append(number)
                yield number
            raise KeyError

        ahead = read_ahead(source(), 3)
        assert await anext(ahead) == 0
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(made) <= 5
        assert [await anext(ahead) for _ in range(9)] == list(range(1, 10))
        with pytest.raises(KeyError):
            await anext(ahead)

    asyncio.run(run())


def test_a_reader_that_leaves_ends_the_reading_ahead() -> None:
    async def run() -> None:
        closed = asyncio.Event()

        async def source() -> AsyncGenerator[int, None]:
            try:
                while True:
                    yield 1
            finally:
                closed.set()

        ahead = read_ahead(source(), 2)
        assert await anext(ahead) == 1
        await ahead.aclose()
        async with asyncio.timeout(10):
            await closed.wait()

    asyncio.run(run())


class CallEnded(logging.Handler):
    """Waits for the line that the server writes about a call."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "method", "") == self.method:
            self.event.set()


def test_a_client_that_stops_reading_is_told_so_when_it_reads_on(tmp_path: Path) -> None:
    # More than the windows and buffers of a connection hold.
    data = random.Random(4).randbytes(32 * MIB)
    ended = CallEnded("/galleria.v1.Contents/Pull")
    access = logging.getLogger("galleria.access")
    access.addHandler(ended)
    access.setLevel(logging.INFO)
    config = config_in(tmp_path, idle_timeout=0.5)
    with server_thread(config, make_content) as server, grpc.insecure_channel(server.target) as channel:
        wire = WireClient(channel, "group")
        wire.push("disk", cut_image(data))
        call = wire.contents.Pull(pb.PullRequest(source=wire.source(wire.disk_name("disk"))))
        next(call)
        assert ended.event.wait(30)
        with refused("DEADLINE_EXCEEDED", "IDLE") as refusal:
            list(call)
        assert refusal.info.metadata == {"direction": "took", "seconds": "0.5"}
        assert wire.fetch(wire.disk_name("disk")) == data
    access.removeHandler(ended)
