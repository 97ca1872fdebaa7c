"""A peer of the interop suite: nats-py and its `nats.micro`, told what to do line by line.

Each line on the standard input is a JSON object: `do` names a command below, the rest are its
arguments. Each is answered with one line. `peer.mjs` has the same commands. Bytes are texts of as
many characters, each with the number of its byte.
"""

import asyncio
import collections
import json
import sys

import nats
import nats.micro
import nats.micro.service as documents
from nats.errors import NoRespondersError, TimeoutError
from nats.micro.request import ServiceError

ME = "python"
PATIENCE_SECONDS = 60
LINE_MAX_BYTES = 64 * 1024 * 1024


async def never(_request):
    await asyncio.Event().wait()


async def add(request):
    pair = json.loads(request.data)
    await request.respond(json.dumps(pair["a"] + pair["b"]).encode())


async def divide(request):
    pair = json.loads(request.data)
    if pair["b"] == 0:
        await request.respond_error("400", f"cannot divide {pair['a']:g} by zero", b"by hand")
    else:
        await request.respond(json.dumps(pair["a"] / pair["b"]).encode())


async def root(request):
    value = json.loads(request.data)
    if value < 0:
        body = {"kind": "Negative", "data": {"value": value}}
        await request.respond_error("422", f"{value:g} has no root", json.dumps(body).encode())
    else:
        await request.respond(json.dumps(value**0.5).encode())


async def echo(request):
    headers = {"X-Echo": request.headers["X-Echo"]} if request.headers and "X-Echo" in request.headers else None
    await request.respond(request.data, headers=headers)


async def whoami(request):
    await request.respond(json.dumps(ME).encode())


async def newline(request):
    await request.respond_error("418", "tea\r\npot", b"")


async def nothing(request):
    await request.respond_error("", "", b"")


async def odd(request):
    await request.respond_error("4xx", "odd", b"")


async def raised(_request):
    raise ServiceError("409", "conflict")


async def crashed(_request):
    raise RuntimeError("boom")


HANDLERS = {
    "add": add,
    "divide": divide,
    "root": root,
    "echo": echo,
    "whoami": whoami,
    "newline": newline,
    "nothing": nothing,
    "odd": odd,
    "raised": raised,
    "crashed": crashed,
    "never": never,
}


class Peer:
    def __init__(self, nc):
        self.nc = nc
        self.services = []
        self.heard_on = None

    async def barrier(self):
        """Once this is answered, the server has read what was sent before: `flush` overtakes it."""
        try:
            await self.nc.request(self.nc.new_inbox(), b"", timeout=PATIENCE_SECONDS)
        except NoRespondersError:
            pass

    async def serve(self, name, endpoints, version="1.2.3", data=False, **config):
        if data:
            config["stats_handler"] = lambda stats: {"endpoint": stats.name}
        service = await nats.micro.add_service(self.nc, name=name, version=version, **config)
        self.services.append(service)
        for endpoint in endpoints:
            group = endpoint.pop("group", None)
            at = service.add_group(name=group) if group else service
            handler = HANDLERS[endpoint.pop("handler", endpoint["name"])]
            await at.add_endpoint(handler=handler, **endpoint)
        await self.barrier()
        return service.id

    async def request(self, subject, body="", headers=None, timeout_ms=PATIENCE_SECONDS * 1000):
        try:
            reply = await self.nc.request(
                subject, body.encode("latin-1"), timeout=timeout_ms / 1000, headers=headers
            )
        except NoRespondersError:
            return {"error": "no responders"}
        except TimeoutError:
            return {"error": "timeout"}
        return {"body": reply.data.decode("latin-1"), "headers": reply.headers}

    async def flood(self, subject, count, at_once):
        """Many requests, and how many answers there were of each kind."""
        answers = collections.Counter()
        left = iter(range(count))

        async def caller():
            for _ in left:
                reply = await self.request(subject)
                answers[reply.get("error") or reply["body"]] += 1

        await asyncio.gather(*(caller() for _ in range(at_once)))
        return answers

    async def find(self, verb, expected, name=None, id=None):
        """`expected` documents, as they came, and as nats-py's own types read them."""
        inbox = self.nc.new_inbox()
        replies = await self.nc.subscribe(inbox)
        await self.nc.publish(documents.control_subject(documents.ServiceVerb(verb), name, id), b"", reply=inbox)
        found = []
        for _ in range(expected):
            message = await replies.next_msg(timeout=PATIENCE_SECONDS)
            assert message.headers is None, message.headers
            document = strict(message.data)
            # It insists on `data`, which only a stats handler makes.
            for endpoint in document["endpoints"] if verb == "STATS" else []:
                endpoint.setdefault("data", None)
            kind = {"PING": documents.ServicePing, "INFO": documents.ServiceInfo, "STATS": documents.ServiceStats}[verb]
            found.append({"json": strict(message.data), "read": kind.from_dict(document).to_dict()})
        await replies.unsubscribe()
        return found

    async def parse(self, text):
        return json.dumps(strict(text.encode("latin-1")), separators=(",", ":"), ensure_ascii=False)

    async def plain(self):
        """Plain NATS, with nothing of ours: wildcards, headers, queue groups, drains."""
        got, done = [], asyncio.Event()

        async def keep(message):
            got.append([message.subject, message.data.decode(), message.headers])
            if message.data == b"end":
                done.set()

        await self.nc.subscribe("plain.*.>", cb=keep)
        await self.nc.publish("plain.a.b.c", b"1", headers={"K": "v"})
        await self.nc.publish("plain.a", b"not matched")
        await self.nc.publish("plain.z.z", b"end")
        await asyncio.wait_for(done.wait(), PATIENCE_SECONDS)

        counts = [0, 0]

        def member(index):
            async def answer(message):
                counts[index] += 1
                await message.respond(b"")

            return answer

        members = [await self.nc.subscribe("plain", "workers", cb=member(i)) for i in range(2)]
        for _ in range(100):
            await self.request("plain")
        for subscription in members:
            await subscription.drain()
        await self.barrier()
        return {"matched": got, "served": counts, "after": await self.request("plain")}

    async def listen(self, subject):
        self.heard_on = await self.nc.subscribe(subject)
        await self.barrier()

    async def heard(self, number):
        """So many events on what is listened to: each with its subject, its headers, and its JSON read."""
        messages = [await self.heard_on.next_msg(timeout=PATIENCE_SECONDS) for _ in range(number)]
        return [[m.subject, json.loads(m.data), m.headers] for m in messages]

    async def publish(self, subject, events):
        for event in events:
            await self.nc.publish(subject, json.dumps(event).encode(), headers={"X-From": ME})
        await self.barrier()

    async def stop(self):
        for service in self.services:
            await service.stop()
        self.services = []
        await self.barrier()


def strict(data):
    """One JSON object as RFC 8259 has it: no NaN, no key twice."""

    def refuse(constant):
        raise ValueError(constant)

    def unique(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), keys
        return dict(pairs)

    document = json.loads(data.decode(), parse_constant=refuse, object_pairs_hook=unique)
    assert isinstance(document, dict), document
    return document


async def main(url):
    nc = await nats.connect(url)
    peer = Peer(nc)
    reader = asyncio.StreamReader(limit=LINE_MAX_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"ok": ME}), flush=True)
    async for line in reader:
        command = json.loads(line)
        do = command.pop("do")
        try:
            answer = {"ok": await getattr(peer, do)(**command)}
        except Exception as error:
            answer = {"failed": repr(error)}
        print(json.dumps(answer), flush=True)


asyncio.run(main(sys.argv[1]))
