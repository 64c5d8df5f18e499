// npm's osc, over UDP, TCP and WebSocket, and npm's oscquery, which finds the bridge and reads its tree.

import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { ask, model, startBridge } from "./support.js";

const require = createRequire(import.meta.url);
const osc = require("osc");
const { OSCQueryDiscovery } = require("oscquery");

let bridge, port;
before(async () => {
  bridge = await startBridge("--model", model("painter"), "--model", model("counter"), "--model", model("latent"));
  const { addresses } = await ask(bridge.url, "/api/osc");
  port = Number(addresses.find((address) => address.startsWith("osc.udp://127.")).split(":").at(-1));
});
after(() => bridge?.close());

const ready = (socket) => new Promise((resolve) => socket.once("ready", resolve));
const f = (value) => ({ type: "f", value });
const i = (value) => ({ type: "i", value });
const s = (value) => ({ type: "s", value });

// The next message that has this address, its values plain.
function heard(socket, address) {
  return new Promise((resolve) => {
    socket.on("message", function listen(message) {
      if (message.address !== address) return;
      socket.removeListener("message", listen);
      resolve(message.args.map((argument) => argument.value ?? argument));
    });
  });
}

async function udp() {
  const socket = new osc.UDPPort({
    localAddress: "127.0.0.1", localPort: 0, remoteAddress: "127.0.0.1", remotePort: port, metadata: true,
  });
  socket.open();
  await ready(socket);
  return socket;
}

async function tcp() {
  const socket = new osc.TCPSocketPort({ metadata: true });
  socket.open("127.0.0.1", port);
  await ready(socket);
  return socket;
}

async function webSocket() {
  const socket = new osc.WebSocketPort({ url: `ws://127.0.0.1:${port}/`, metadata: true });
  socket.open();
  await ready(socket);
  return socket;
}

for (const [name, opened] of Object.entries({ udp, tcp, webSocket })) {
  test(`osc over ${name}: sets, asks, runs, and hears what is wrong`, async () => {
    const socket = await opened();
    try {
      const told = heard(socket, "/reply");
      socket.send({ address: "/painter/shade", args: [f(0.25)] });
      socket.send({ address: "/painter/shade", args: [] });
      assert.deepEqual(await told, ["/painter/shade", "", 0.25]);

      const wrong = heard(socket, "/error");
      socket.send({ address: "/painter/shade", args: [f(7)] });
      assert.equal((await wrong)[2], "invalid_input");

      const [counted, done] = [heard(socket, "/reply"), heard(socket, "/done")];
      socket.send({ address: "/counter/run", args: [s("mine"), s("upto"), i(3)] });
      assert.deepEqual(await counted, ["/counter/run", "mine", "text", "0 1 2 "]);
      assert.deepEqual((await done).slice(0, 2), ["/counter/run", "mine"]);
    } finally {
      socket.close();
    }
  });
}

test("osc: a bundle with a time tag waits for it, a picture comes as a blob", async () => {
  const socket = await udp();
  try {
    const subscribed = heard(socket, "/reply");
    socket.send({ address: "/painter/out/image/subscribe", args: [s("format=jpeg")] });
    await subscribed;
    const shade = async () => {
      const answer = heard(socket, "/reply");
      socket.send({ address: "/painter/shade", args: [] });
      return (await answer)[2];
    };
    const picture = heard(socket, "/painter/out/image");
    socket.send({ timeTag: osc.timeTag(0.5), packets: [{ address: "/painter/shade", args: [f(0.875)] }] });
    assert.notEqual(await shade(), 0.875);
    while (await shade() !== 0.875);
    const [bytes] = await picture;
    assert.deepEqual([...bytes.slice(0, 2)], [0xff, 0xd8]);
  } finally {
    socket.close();
  }
});

test("oscquery reads the whole tree", async () => {
  const service = await new OSCQueryDiscovery().queryNewService("127.0.0.1", port);
  assert.equal(service.hostInfo.oscPort, port);
  assert.equal(service.hostInfo.oscTransport, "UDP");
  assert.equal(service.hostInfo.extensions.LISTEN, true);
  const methods = Object.fromEntries(service.flat().map((method) => [method.full_path, method]));
  const shade = methods["/painter/shade"].arguments[0];
  assert.deepEqual([shade.type, shade.range, typeof shade.value], ["f", { min: 0, max: 1, vals: undefined }, "number"]);
  assert.equal(methods["/latent/z"].arguments.length, 4);
  assert.deepEqual(methods["/latent/walk/kind"].arguments[0].range.vals.slice(0, 2), ["noise", "loop"]);
  assert.ok(methods["/latent/direction/1"] && methods["/latent/walk/direction/1"] && methods["/painter/out/image"]);
});

test("oscquery finds the bridge by mDNS", async (t) => {
  const own = Object.values(networkInterfaces()).flat().filter(({ family, internal }) => family === "IPv4" && !internal);
  if (!own.length) return t.skip("this machine is on no network");
  const allowed = own.flatMap(({ address }) => ["--osc-allow", address]);
  const open = await startBridge("--osc-host", "0.0.0.0", ...allowed, "--model", model("painter"));
  const discovery = new OSCQueryDiscovery();
  try {
    const { wires } = await ask(open.url, "/api/info");
    const mdns = wires.find(({ name }) => name === "mdns");
    if (mdns?.state !== "on") return t.skip(`there is no multicast here: ${mdns?.message ?? "not announced"}`);
    const number = Number(wires.find(({ name }) => name === "osc").addresses[0].split(":").at(-1));
    discovery.on("error", () => {});
    const found = new Promise((resolve) => {
      discovery.on("up", (service) => service.port === number && resolve(service));
    });
    discovery.start();
    const service = await Promise.race([found, new Promise((resolve) => setTimeout(resolve, 30_000).unref())]);
    if (!service) return t.skip("no multicast came through");
    assert.ok(service.flat().some(({ full_path }) => full_path === "/painter/shade"));
  } finally {
    discovery.stop();
    await open.close();
  }
});
