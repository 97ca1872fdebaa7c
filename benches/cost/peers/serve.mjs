// The endpoints `echo` and `add` with the official JavaScript packages, for the benchmark `cost`.
import { createRequire } from "node:module";

// The packages are where CI has put them, which is not above this file.
const require = createRequire(`${process.env.MICRO_TEST_NODE_MODULES}/`);
const { connect } = require("@nats-io/transport-node");
const { Svcm } = require("@nats-io/services");

const [, , url, name] = process.argv;
const nc = await connect({ servers: url });
const service = await new Svcm(nc).add({ name, version: "1.0.0" });
const group = service.addGroup(name);
group.addEndpoint("echo", { handler: (_err, m) => m.respond(m.data) });
group.addEndpoint("add", {
  handler: (_err, m) => {
    const { a, b } = m.json();
    m.respond(JSON.stringify(a + b));
  },
});
await nc.flush();
console.log("ready");
process.stdin.resume().on("end", () => process.exit(0));
