"""A frontend's side of the workers, with workers that the test plays."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from nbship.serving import wire
from nbship.serving.pool import MOVED, Failure, Job, Outcome, Pool

Playing = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def next_batch(reader: asyncio.StreamReader) -> wire.Batch:
    return wire.batch(await reader.readexactly(wire.length(await reader.readexactly(wire.HEAD))))


def pool_of() -> Pool:
    return Pool(wire.Packer(1, numeric=True), most_waiting=9, most_rows=64, hang_s=30.0)


def submit(pool: Pool, seconds: float = 30.0) -> asyncio.Future[Outcome]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Outcome] = loop.create_future()
    pool.submit(Job(pool.packer([(1.0,)]), 1, loop.time() + seconds, future.set_result))
    return future


def play(folder: Path, playing: Playing, story: Callable[[Pool, str], Awaitable[None]]) -> None:
    """Run a story with one worker that is played."""

    path = os.path.relpath(folder / "w")  # a socket's path must be short

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await playing(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def run() -> None:
        server = await asyncio.start_unix_server(serve, path)
        pool = pool_of()
        pool.use([path])
        async with asyncio.timeout(30):
            await story(pool, path)
            pool.close()
            await asyncio.gather(*pool._tasks)
        server.close()
        await asyncio.sleep(0.1)  # the loop closes what both sides have let go of

    asyncio.run(run())


def test_what_waits_while_a_worker_computes_goes_to_it_as_one_batch(tmp_path: Path) -> None:
    counts: list[int] = []

    async def worker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            batch = await next_batch(reader)
            counts.append(len(batch.counts))
            answers = [wire.Answer(outputs={"prediction": [1.0]}) for _ in batch.counts]
            writer.write(wire.frame(wire.Answers(number=batch.number, answers=answers)))

    async def story(pool: Pool, _: str) -> None:
        found = await asyncio.gather(*(submit(pool) for _ in range(5)))
        assert all(isinstance(one, wire.Answer) for one in found)

    play(tmp_path, worker, story)
    assert counts == [5]


def test_what_kills_every_worker_that_computes_it_is_given_up_alone(tmp_path: Path) -> None:
    async def worker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer  # it says nothing
        await next_batch(reader)

    async def story(pool: Pool, _: str) -> None:
        outcome = await submit(pool)
        assert outcome == Failure(500, "workers die when they compute this request")

    play(tmp_path, worker, story)


def test_a_request_whose_version_is_swapped_while_its_last_worker_dies_is_handed_on(tmp_path: Path) -> None:
    async def story(pool: Pool, _: str) -> None:
        future = submit(pool)
        await begun.wait()
        pool.close()
        dying.set()
        assert await future is MOVED

    begun, dying = asyncio.Event(), asyncio.Event()

    async def worker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer  # it says nothing
        await next_batch(reader)
        begun.set()
        await dying.wait()

    play(tmp_path, worker, story)


def test_what_no_worker_computes_in_time_is_told_so(tmp_path: Path) -> None:
    late = asyncio.Event()

    async def worker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del writer  # it says nothing
        await next_batch(reader)
        await late.wait()

    async def story(pool: Pool, _: str) -> None:
        outcome = await submit(pool, seconds=0.0)
        late.set()
        assert outcome == Failure(504, "there was no answer in time")

    play(tmp_path, worker, story)
