// A peer of the interop suite: the official JavaScript clients, told what to do line by line.
//
// Each line on the standard input is a JSON object: `do` names a command below, the rest are its
// arguments. Each is answered with one line. `peer.py` has the same commands. Bytes are texts of as
// many characters, each with the number of its byte.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// The packages are where CI has put them, which is not above this file.
const require = createRequire(`${process.env.MICRO_TEST_NODE_MODULES}/`);
const { connect, headers } = require("@nats-io/transport-node");
const { ServiceError, Svcm } = require("@nats-io/services");

const ME = "javascript";
const PATIENCE_MS = 60_000;

const nc = await connect({ servers: process.argv[2] });
const services = new Svcm(nc);
let running = [];
let heardOn;

const bytes = (text) => Buffer.from(text, "latin1");
const text = (data) => Buffer.from(data).toString("latin1");

const HANDLERS = {
  add: (m) => {
    const { a, b } = m.json();
    m.respond(JSON.stringify(a + b));
  },
  divide: (m) => {
    const { a, b } = m.json();
    if (b === 0) m.respondError(400, `cannot divide ${a} by zero`, "by hand");
    else m.respond(JSON.stringify(a / b));
  },
  root: (m) => {
    const value = m.json();
    if (value >= 0) return m.respond(JSON.stringify(Math.sqrt(value)));
    m.respondError(422, `${value} has no root`, JSON.stringify({ kind: "Negative", data: { value } }));
  },
  echo: (m) => {
    const h = headers();
    if (m.headers?.has("X-Echo")) h.set("X-Echo", m.headers.get("X-Echo"));
    m.respond(m.data, m.headers?.has("X-Echo") ? { headers: h } : undefined);
  },
  whoami: (m) => m.respond(JSON.stringify(ME)),
  // It throws at a line break, and a handler that throws answers 500.
  newline: (m) => m.respondError(418, "tea\r\npot"),
  nothing: (m) => m.respondError("", ""),
  odd: (m) => m.respondError(NaN, "odd"),
  raised: () => { throw new ServiceError(409, "conflict"); },
  crashed: () => { throw new Error("boom"); },
  never: () => {},
};

/** Answers what an endpoint without a handler gives as an iterator. */
async function iterate(requests, handler) {
  for await (const m of requests) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    handler(m);
  }
}

const commands = {
  async serve({ name, endpoints, version = "1.2.3", data = false, queue_group, ...config }) {
    if (queue_group !== undefined) config.queue = queue_group;
    if (data) config.statsHandler = (endpoint) => Promise.resolve({ endpoint: endpoint.name });
    const service = await services.add({ name, version, ...config });
    running.push(service);
    for (const { name, group, queue_group, handler = name, iterator, ...options } of endpoints) {
      const at = group ? service.addGroup(group) : service;
      if (queue_group !== undefined) options.queue = queue_group;
      const answer = HANDLERS[handler];
      if (!iterator) options.handler = (_err, m) => answer(m);
      const requests = at.addEndpoint(name, options);
      if (iterator) iterate(requests, answer);
    }
    await nc.flush();
    return service.info().id;
  },

  async request({ subject, body = "", headers: given, timeout_ms = PATIENCE_MS }) {
    const h = given ? headers() : undefined;
    for (const [key, value] of Object.entries(given ?? {})) h.set(key, value);
    try {
      const reply = await nc.request(subject, bytes(body), { timeout: timeout_ms, headers: h });
      const found = reply.headers ? Object.fromEntries([...reply.headers].map(([k, v]) => [k, v[0]])) : null;
      return { body: text(reply.data), headers: found };
    } catch (error) {
      if (error.isNoResponders?.()) return { error: "no responders" };
      if (error.name === "TimeoutError") return { error: "timeout" };
      throw error;
    }
  },

  /** Many requests, and how many answers there were of each kind. */
  async flood({ subject, count, at_once }) {
    const answers = {};
    let left = count;
    const caller = async () => {
      while (left-- > 0) {
        const reply = await commands.request({ subject });
        const kind = reply.error ?? reply.body;
        answers[kind] = (answers[kind] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: at_once }, caller));
    return answers;
  },

  /** `expected` documents, as the discovery client reads them. */
  async find({ verb, expected, name, id }) {
    const client = services.client({ strategy: "count", maxMessages: expected, maxWait: PATIENCE_MS });
    const found = [];
    for await (const document of await client[verb.toLowerCase()](name ?? undefined, id)) {
      found.push({ json: document, read: document });
    }
    return found;
  },

  async parse({ text }) {
    return JSON.stringify(JSON.parse(bytes(text).toString("utf8")));
  },

  /** Plain NATS, with nothing of ours: wildcards, headers, queue groups, drains. */
  async plain() {
    const matched = [];
    const all = nc.subscribe("plain.*.>");
    const h = headers();
    h.set("K", "v");
    nc.publish("plain.a.b.c", "1", { headers: h });
    nc.publish("plain.a", "not matched");
    nc.publish("plain.z.z", "end");
    for await (const m of all) {
      const found = m.headers ? Object.fromEntries([...m.headers].map(([k, v]) => [k, v[0]])) : null;
      matched.push([m.subject, m.string(), found]);
      if (m.string() === "end") break;
    }
    const served = [0, 0];
    const members = served.map((_, index) =>
      nc.subscribe("plain", {
        queue: "workers",
        callback: (_err, m) => {
          served[index]++;
          m.respond("");
        },
      })
    );
    for (let i = 0; i < 100; i++) await commands.request({ subject: "plain" });
    for (const member of members) await member.drain();
    return { matched, served, after: await commands.request({ subject: "plain" }) };
  },

  async listen({ subject }) {
    heardOn = nc.subscribe(subject)[Symbol.asyncIterator]();
    await nc.flush();
    return null;
  },

  /** So many events on what is listened to: each with its subject, its headers, and its JSON read. */
  async heard({ number }) {
    const events = [];
    while (events.length < number) {
      const { value: m } = await heardOn.next();
      const found = m.headers ? Object.fromEntries([...m.headers].map(([k, v]) => [k, v[0]])) : null;
      events.push([m.subject, m.json(), found]);
    }
    return events;
  },

  async publish({ subject, events }) {
    const h = headers();
    h.set("X-From", ME);
    for (const event of events) nc.publish(subject, JSON.stringify(event), { headers: h });
    await nc.flush();
    return null;
  },

  async stop() {
    for (const service of running) assert.equal(await service.stop(), null);
    running = [];
    await nc.flush();
    return null;
  },
};

console.log(JSON.stringify({ ok: ME }));
for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...command } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await commands[name](command) };
  } catch (error) {
    answer = { failed: `${error.stack ?? error}` };
  }
  console.log(JSON.stringify(answer));
}
process.exit(0);
