#!/usr/bin/env python3
"""Other people's clients against our services, on the dev server and on nats-server.

nats-py here, nats.js in clients.mjs: both call the example `numbers`, read its documents, and serve
each other through the broker in ways that have nothing to do with us, which shows that the dev
server is a broker for anybody.
"""

import asyncio
import json
import os
import re
import subprocess
import sys

import nats
import nats.micro
import nats.micro.service as documents
from nats.errors import NoRespondersError

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "target"))
CHECKS = 0


def check(what, saw, expected):
    global CHECKS
    if saw != expected:
        sys.exit(f"{what}: expected {expected!r}, saw {saw!r}")
    CHECKS += 1


async def said(stream, pattern):
    """Reads lines until one matches, and goes on reading behind it."""
    async for line in stream:
        found = re.search(pattern, line.decode())
        if found:
            asyncio.create_task(stream.read())
            return found
    sys.exit(f"ended without {pattern}")


async def start(*command, pattern, stream):
    pipes = {stream: asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*command, **pipes)
    return process, await said(getattr(process, stream), pattern)


async def plain_nats(nc):
    """Publish, subscribe, queue groups, headers, drain: no service of ours is part of this."""
    got, done = [], asyncio.Event()

    async def keep(message):
        got.append((message.subject, message.data, message.headers))
        if message.data == b"end":
            done.set()

    await nc.subscribe("plain.*.>", cb=keep)
    await nc.publish("plain.a.b.c", b"1", headers={"K": "v"})
    await nc.publish("plain.a", b"not matched")
    await nc.publish("plain.z.z", b"end")
    await asyncio.wait_for(done.wait(), 20)
    check("wildcards and headers", got, [("plain.a.b.c", b"1", {"K": "v"}), ("plain.z.z", b"end", None)])

    counts = [0, 0]

    def member(index):
        async def answer(message):
            counts[index] += 1
            await message.respond(str(index).encode())

        return answer

    members = [await nc.subscribe("plain.queue", "workers", cb=member(i)) for i in range(2)]
    for _ in range(100):
        await nc.request("plain.queue", b"", timeout=20)
    check("each request answered once", sum(counts), 100)
    check("both members served", all(counts), True)
    for subscription in members:
        await subscription.drain()
    try:
        await nc.request("plain.queue", b"", timeout=20)
        sys.exit("a drained queue group answered")
    except NoRespondersError:
        check("nobody is left", True, True)


async def our_service(nc):
    reply = await nc.request("numbers.add", b'{"a":1,"b":2}', timeout=20)
    check("numbers.add", (reply.data, reply.headers), (b"3.0", None))
    reply = await nc.request("numbers.divide", b'{"a":1,"b":0}', timeout=20)
    check(
        "numbers.divide by zero",
        (reply.headers["Nats-Service-Error"], reply.headers["Nats-Service-Error-Code"]),
        ("cannot divide 1 by zero", "400"),
    )
    info = json.loads((await nc.request("$SRV.INFO.numbers", b"{}", timeout=20)).data)
    check("endpoints", [e["subject"] for e in info["endpoints"]], ["numbers.add", "numbers.divide", "history.*"])
    ping = json.loads((await nc.request(f"$SRV.PING.numbers.{info['id']}", timeout=20)).data)
    check("the same instance", ping["id"], info["id"])
    stats = json.loads((await nc.request("$SRV.STATS.numbers", timeout=20)).data)
    add, divide = stats["endpoints"][:2]
    check("counted", (add["num_requests"], divide["num_errors"]), (1, 1))
    # nats-py's own reader of these documents, with its strict ideas of times and fields.
    check("nats.micro reads INFO", documents.ServiceInfo.from_dict(info).name, "numbers")
    check("nats.micro reads PING", documents.ServicePing.from_dict(ping).version, "1.0.0")
    # It insists on `data`, which is absent without a stats handler (as from Go): add it for it.
    for endpoint in stats["endpoints"]:
        endpoint["data"] = None
    check("nats.micro reads STATS", documents.ServiceStats.from_dict(stats).endpoints[0].num_requests, 1)


async def their_service(nc):
    service = await nats.micro.add_service(nc, name="py", version="1.0.0")

    async def echo(request):
        await request.respond(request.data)

    await service.add_endpoint(name="echo", subject="py.echo", handler=echo)
    reply = await nc.request("py.echo", b"hi", timeout=20)
    check("a service of nats.micro", reply.data, b"hi")
    await service.stop()


async def on(broker, url):
    numbers, _ = await start(
        os.path.join(TARGET, "debug", "examples", "numbers"), "--nats", url, pattern="Ctrl-C", stream="stdout"
    )
    try:
        nc = await nats.connect(url)
        await plain_nats(nc)
        await our_service(nc)
        await their_service(nc)
        await nc.drain()
        script = os.path.join(HERE, "clients.mjs")
        node = await asyncio.create_subprocess_exec("node", script, url)
        check("nats.js", await node.wait(), 0)
    finally:
        numbers.terminate()
        check("numbers stops", await numbers.wait(), 0)
    print(f"{broker}: nats-py and nats.js, all as expected")


async def main():
    server, found = await start(
        os.path.join(HERE, "venv", "bin", "nats-server"), "-a", "127.0.0.1", "-p", "-1",
        pattern="client connections on (.*)", stream="stderr",
    )
    try:
        await on("nats-server", f"nats://{found[1].strip()}")
    finally:
        server.kill()
        await server.wait()
    server, found = await start(
        os.path.join(TARGET, "debug", "micro-devserver"), "--port", "0",
        pattern="(nats://[0-9.:]+)", stream="stdout",
    )
    try:
        await on("dev server", found[1])
    finally:
        server.terminate()
        await server.wait()
    print(f"{CHECKS} passed, 0 failed")


asyncio.run(main())
