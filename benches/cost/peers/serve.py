"""The endpoints `echo` and `add` with nats-py's `nats.micro`, for the benchmark `cost`."""

import asyncio
import json
import sys

import nats
import nats.micro
from nats.errors import NoRespondersError


async def echo(request):
    await request.respond(request.data)


async def add(request):
    pair = json.loads(request.data)
    await request.respond(json.dumps(pair["a"] + pair["b"]).encode())


async def main(url, name):
    nc = await nats.connect(url)
    service = await nats.micro.add_service(nc, name=name, version="1.0.0")
    group = service.add_group(name=name)
    await group.add_endpoint(name="echo", handler=echo)
    await group.add_endpoint(name="add", handler=add)
    # Once this is answered, the server has read what was sent before.
    try:
        await nc.request(nc.new_inbox(), b"", timeout=10)
    except NoRespondersError:
        pass
    print("ready", flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


asyncio.run(main(*sys.argv[1:]))
