// nats.js against our services: see clients.py, which runs this.

import assert from "node:assert/strict";
import { connect, headers } from "@nats-io/transport-node";
import { Svcm } from "@nats-io/services";

const nc = await connect({ servers: process.argv[2] });
const text = (bytes) => new TextDecoder().decode(bytes);

const sum = await nc.request("numbers.add", '{"a":2,"b":2}');
assert.equal(text(sum.data), "4.0");
assert.equal(sum.headers, undefined);

const failed = await nc.request("numbers.divide", '{"a":1,"b":0}');
assert.equal(failed.headers.get("Nats-Service-Error-Code"), "400");
assert.deepEqual(failed.json(), { kind: "DivideByZero", data: { dividend: 1 } });

const h = headers();
h.set("X-User", "ada");
await nc.request("numbers.add", '{"a":1,"b":1}', { headers: h, timeout: 20_000 });
const history = await nc.request("history.ada", "");
assert.deepEqual(history.json(), [{ operation: "add", result: 2 }]);

// Their discovery client finds ours, and their service beside it.
const svc = new Svcm(nc);
const own = await svc.add({ name: "js", version: "1.0.0" });
own.addEndpoint("echo", { subject: "js.echo", handler: (_err, m) => m.respond(m.data) });
await nc.flush();
const found = new Set();
for await (const info of await svc.client({ strategy: "timer", maxWait: 2_000 }).info()) {
  found.add(info.name);
}
assert.ok(found.has("numbers") && found.has("js"), [...found].join());
const stats = [];
for await (const one of await svc.client({ strategy: "timer", maxWait: 2_000 }).stats("numbers")) {
  stats.push(one);
}
assert.equal(stats.length, 1);
assert.ok(stats[0].endpoints[0].num_requests >= 3);
assert.equal(text((await nc.request("js.echo", "hi")).data), "hi");
await own.stop();

// Plain NATS: a queue group, no responders, a drain.
let seen = 0;
const sub = nc.subscribe("js.queue", { queue: "w", callback: (_err, m) => { seen++; m.respond("ok"); } });
for (let i = 0; i < 50; i++) await nc.request("js.queue");
assert.equal(seen, 50);
await sub.drain();
await assert.rejects(nc.request("js.queue"), /no responders/i);
await nc.drain();
