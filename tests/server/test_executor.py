import asyncio
import threading
from contextvars import ContextVar

import pytest

from galleria_server.domain.errors import ServerBusy
from galleria_server.executor import BoundedExecutor

WHO: ContextVar[str] = ContextVar("who", default="nobody")


def test_work_runs_in_a_thread_with_the_callers_context() -> None:
    async def scenario() -> tuple[str, str]:
        executor = BoundedExecutor("work", workers=1, queue=0)
        WHO.set("caller")
        seen = await executor.run(lambda: (WHO.get(), threading.current_thread().name))
        executor.close()
        return seen

    who, thread = asyncio.run(scenario())
    assert who == "caller"
    assert thread.startswith("work")


def test_more_than_the_queue_holds_is_refused_with_the_limit() -> None:
    async def scenario() -> None:
        executor = BoundedExecutor("work", workers=1, queue=1)
        gate = threading.Event()
        calls = [asyncio.ensure_future(executor.run(gate.wait, 60)) for _ in range(3)]
        (refused,), running = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(ServerBusy) as caught:
            await refused
        assert (caught.value.resource, caught.value.limit) == ("work", 2)
        gate.set()
        assert await asyncio.gather(*running) == [True, True]
        assert await executor.run(int) == 0
        executor.close()

    asyncio.run(scenario())


def test_work_of_a_caller_that_left_counts_until_it_ends() -> None:
    async def scenario() -> None:
        executor = BoundedExecutor("work", workers=1, queue=0)
        begun, gate, ended = threading.Event(), threading.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            begun.set()
            gate.wait(60)
            loop.call_soon_threadsafe(ended.set)

        caller = asyncio.ensure_future(executor.run(work))
        await asyncio.to_thread(begun.wait, 60)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        with pytest.raises(ServerBusy):
            await executor.run(int)
        gate.set()
        await ended.wait()
        executor.close()

    asyncio.run(scenario())


def test_an_exception_comes_back_as_it_was_raised() -> None:
    async def scenario() -> None:
        executor = BoundedExecutor("work", workers=1, queue=0)
        with pytest.raises(ZeroDivisionError):
            await executor.run(divmod, 1, 0)
        executor.close()

    asyncio.run(scenario())
