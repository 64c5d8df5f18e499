// Clients of the old Runway app, as they are on npm, with nothing changed but the address.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createSocket } from "node:dgram";
import { gzipSync } from "node:zlib";
import { after, before, test } from "node:test";
import { ask, model, startBridge } from "./support.js";

const require = createRequire(import.meta.url);
const SOCKET_IO = ["2.0", "2.2", "2.5", "3", "4"];
const ANY_PORT = ["http", "socketio", "osc", "sdk", "daemon"].flatMap((server) => [`--runway-${server}-port`, "0"]);
const LARGE = 5 * 1024 * 1024;

let bridge, places;
before(async () => {
  bridge = await startBridge("--runway", ...ANY_PORT, "--alias", "painter.out.image=output",
    ...["echo", "painter", "crash", "counter"].flatMap((name) => ["--model", model(name)]));
  const { wires } = await ask(bridge.url, "/api/info");
  places = wires.filter(({ name }) => name.startsWith("runway")).flatMap(({ addresses }) => addresses);
});
after(() => bridge?.close());

// Where one server of a session is, such as place("echo", "socket.io").
function place(session, server) {
  const wanted = server === "http" ? `${session} http` : `${session} ${server} `;
  return places.find((address) => address.startsWith(wanted)).split(" ").at(-1);
}
const portOf = (session, server) => Number(place(session, server).split(":").at(-1));

// --- Socket.IO -------------------------------------------------------------------------------------

function connect(version, session, options) {
  const io = require(`socket.io-client-${version}`);
  return (io.io ?? io)(place(session, "socket.io"), { forceNew: true, reconnection: false, ...options });
}
const heard = (socket, name) => new Promise((resolve) => socket.once(name, resolve));

for (const version of SOCKET_IO) {
  test(`socket.io-client ${version} is informed, asks and hears, by polling and then by WebSocket`, async () => {
    const socket = connect(version, "echo");
    try {
      const info = await heard(socket, "info");
      assert.deepEqual(info.inputs.map(({ name, type }) => [name, type]), [["value", "any"]]);
      const upgraded = (socket.io.engine ?? {}).transport?.name === "websocket" || new Promise((resolve) =>
        socket.io.engine.once("upgrade", () => resolve(true)));
      socket.emit("query", { value: "first" });
      assert.deepEqual(await heard(socket, "data"), { any: "first" });
      assert.ok(await upgraded);
      socket.emit("query", { value: "å🦜 by websocket" });
      assert.deepEqual(await heard(socket, "data"), { any: "å🦜 by websocket" });
    } finally {
      socket.close();
    }
  });

  test(`socket.io-client ${version} says something before it is connected`, async () => {
    const socket = connect(version, "echo");
    try {
      socket.emit("query", { value: "early" });
      assert.deepEqual(await heard(socket, "data"), { any: "early" });
    } finally {
      socket.close();
    }
  });

  for (const transport of ["polling", "websocket"]) {
    test(`socket.io-client ${version} sends and gets 5 MB over ${transport}`, async () => {
      const socket = connect(version, "echo", { transports: [transport] });
      const large = "data:image/png;base64," + "QUJDé".repeat(LARGE / 5);
      try {
        await heard(socket, "info");
        socket.emit("query", { value: large });
        const { any } = await heard(socket, "data");
        assert.equal(any.length, large.length);
        assert.ok(any === large);
      } finally {
        socket.close();
      }
    });
  }

  test(`socket.io-client ${version} hears of errors, and of what others ask`, async () => {
    const [one, other] = [connect(version, "crash"), connect(version, "crash", { transports: ["websocket"] })];
    try {
      await Promise.all([heard(one, "info"), heard(other, "info")]);
      const told = [heard(one, "error"), heard(other, "error")];
      one.emit("query", { how: "raise" });
      for (const error of await Promise.all(told)) assert.match(error.error, /the author's code is wrong/);
      const unknown = heard(one, "error");
      one.emit("query", { nothing: 1 });
      assert.match((await unknown).error, /there is no input 'nothing'/);
      const data = [heard(one, "data"), heard(other, "data")];
      const answer = await fetch(`${place("crash", "http")}/query`, { method: "POST", body: '{"how": "x"}' });
      assert.deepEqual(await answer.json(), { text: "survived x" });
      assert.deepEqual(await Promise.all(data), Array(2).fill({ text: "survived x" }));
    } finally {
      one.close();
      other.close();
    }
  });

  test(`socket.io-client ${version} gets an acknowledgement where it wants one, and may send bytes`, async () => {
    const socket = connect(version, "echo");
    try {
      const answer = await new Promise((resolve) => socket.emit("query", { value: 7 }, resolve));
      assert.deepEqual(answer, { any: 7 });
      const pictures = connect(version, "painter");
      const error = heard(pictures, "error");
      pictures.emit("query", { shade: Buffer.from("no number") });
      assert.match((await error).error, /shade takes a number/);
      pictures.close();
    } finally {
      socket.close();
    }
  });
}

// --- HTTP ------------------------------------------------------------------------------------------

test("runway.http asks one session by its port", async () => {
  const RunwayHTTP = require("runwayml-http");
  const port = portOf("painter", "http");
  const { output } = await RunwayHTTP.query(port, { shade: 1, width: 8, height: 8 });
  assert.match(output, /^data:image\/jpeg;base64,/);
  assert.deepEqual(await RunwayHTTP.getData(port), { output });
  const info = await RunwayHTTP.getInfo(port);
  assert.deepEqual(Object.keys(info), ["inputs", "outputs"]);
  assert.deepEqual(info.outputs.map(({ name, type }) => [name, type]), [["output", "image"]]);
  assert.deepEqual(await RunwayHTTP.getError(port), { error: null });
  const refused = await RunwayHTTP.query(port, { shade: 7 });
  assert.match(refused.error, /shade takes a number from 0 to 1; 7 came/);
  assert.equal((await RunwayHTTP.getError(port)).error, refused.error);
});

test("any page may ask, and nothing is compressed", async () => {
  const headers = { origin: "https://example.org", "accept-encoding": "gzip, deflate, br" };
  const answer = await fetch(`${place("echo", "http")}/info`, { headers });
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.equal(answer.headers.get("content-encoding"), null);
  assert.equal(answer.headers.get("content-type"), "application/json");
  const preflight = await fetch(`${place("echo", "http")}/query`, {
    method: "OPTIONS",
    headers: { origin: "null", "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
  });
  assert.ok(preflight.ok);
  assert.match(preflight.headers.get("access-control-allow-headers"), /Content-Type/);
});

// --- hosted models ---------------------------------------------------------------------------------

test("@runwayml/hosted-models finds a session awake, asks and hears errors of its own", async () => {
  const { HostedModel } = require("@runwayml/hosted-models");
  const hosted = (session) => new HostedModel({ url: `${bridge.url}/hosted/${session}.runwayml.cloud/v1/` });
  const counter = hosted("counter");
  await counter.waitUntilAwake();
  assert.equal(await counter.isAwake(), true);
  assert.deepEqual(await counter.query({ upto: 3 }), { text: "0 1 2 " });
  const info = await counter.info();
  assert.equal(info.name, "counter");
  assert.deepEqual(info.outputs.map(({ name }) => name), ["text"]);
  await assert.rejects(hosted("nobody").info(), /Model not found/);
  await assert.rejects(hosted("crash").query({ how: "raise" }), /experienced an error/);
});

test("@runwayml/hosted-models shows its token where one is asked for", async () => {
  const { HostedModel } = require("@runwayml/hosted-models");
  const locked = await startBridge("--runway", ...ANY_PORT, "--token", "secret", "--model", model("echo"));
  try {
    const url = `${locked.url}/hosted/echo.runwayml.cloud/v1`;
    assert.deepEqual(await new HostedModel({ url, token: "secret" }).query({ value: 1 }), { any: 1 });
    await assert.rejects(new HostedModel({ url, token: "wrong" }).query({ value: 1 }), /Permission denied/);
    await assert.rejects(new HostedModel({ url }).info(), /Permission denied/);
  } finally {
    await locked.close();
  }
});

// --- OSC -------------------------------------------------------------------------------------------

test("npm's osc subscribes, asks and hears", async () => {
  const osc = require("osc");
  const port = new osc.UDPPort({ localAddress: "127.0.0.1", localPort: 0, metadata: false });
  port.open();
  await new Promise((resolve) => port.once("ready", resolve));
  const messages = [];
  let wake = () => {};
  port.on("message", (message) => { messages.push(message); wake(); });
  const until = async (check) => {
    for (;;) {
      const found = messages.findIndex(check);
      if (found >= 0) return messages.splice(found, 1)[0];
      await new Promise((resolve) => { wake = resolve; });
    }
  };
  const say = (address, ...args) => port.send({ address, args }, "127.0.0.1", portOf("echo", "osc"));
  try {
    say("/server/connect");
    const info = await until(({ address }) => address === "/info");
    assert.deepEqual(Object.keys(JSON.parse(info.args[0])), ["inputs", "outputs"]);
    say("/query", JSON.stringify({ value: "from osc" }));
    const data = await until(({ address }) => address === "/data");
    assert.deepEqual(JSON.parse(data.args[0]), { any: "from osc" });
    await fetch(`${place("echo", "http")}/query`, { method: "POST", body: '{"value": "from http"}' });
    const other = await until(({ address }) => address === "/data");
    assert.deepEqual(JSON.parse(other.args[0]), { any: "from http" });
    say("/query", "no json");
    assert.match(JSON.parse((await until(({ address }) => address === "/error")).args[0]).error, /not JSON/);
    await fetch(`${place("echo", "http")}/query`, {
      method: "POST", body: JSON.stringify({ value: "x".repeat(70000) }),
    });
    assert.match(JSON.parse((await until(({ address }) => address === "/error")).args[0]).error, /an OSC message holds/);
  } finally {
    port.close();
  }
});

test("a tool that only listens on 57200 hears, too", async (t) => {
  const listener = createSocket("udp4");
  listener.bind(57200, "127.0.0.1");
  try {
    await once(listener, "listening");
  } catch (error) {
    t.skip(`port 57200 can't be had: ${error.message}`);
    return;
  }
  const osc = require("osc");
  const sender = createSocket("udp4");
  try {
    const told = (async () => {
      for (;;) {
        const [datagram] = await once(listener, "message");
        const message = osc.readPacket(datagram, {});
        if (message.address === "/data") return JSON.parse(message.args[0]);
      }
    })();
    for (const message of [{ address: "/server/connect", args: [] }, { address: "/query", args: ['{"value": 5}'] }]) {
      sender.send(osc.writePacket(message, {}), portOf("echo", "osc"), "127.0.0.1");
    }
    assert.deepEqual(await told, { any: 5 });
  } finally {
    sender.close();
    listener.close();
  }
});

// --- plugins: the daemon and the form of the Model SDK ---------------------------------------------

test("plugins start a session by the daemon, run its first command and stop it", async () => {
  const daemon = places.at(-1);
  const told = async (path, method = "GET", body = undefined) => {
    const answer = await fetch(daemon + path, { method, body: body && JSON.stringify(body) });
    return answer.json();
  };
  assert.deepEqual(await told("/v1/healthcheck"), { success: true });
  const { models } = await told("/v1/models");
  const palette = models.find(({ slug }) => slug === "palette");
  assert.equal(typeof palette.defaultVersionId, "number");
  assert.deepEqual(palette.commands[0].inputs.map(({ name, type }) => [name, type]).slice(0, 1), [["image", "image"]]);
  const started = await told("/v1/model_sessions", "POST", {
    modelVersionId: palette.defaultVersionId, modelOptions: {}, application: "Photoshop",
    providerOptions: { runLocation: "Local" },
  });
  assert.equal(started.id, started.modelSession.id);
  let session;
  do {
    session = (await told(`/v1/model_sessions/${started.id}`)).modelSession;
  } while (session.runningStatus !== "RUNNING" || !session.url);
  const picture = await (await fetch(`${place("painter", "http")}/query`, { method: "POST", body: "{}" })).json();
  const colors = await fetch(`${session.url}/${session.model.commands[0].name}`, {
    method: "POST", headers: { "content-type": "application/json", "content-encoding": "gzip" },
    body: gzipSync(JSON.stringify({ image: picture.output, count: 2 })),
  });
  assert.ok((await colors.json()).colors.length >= 1);
  assert.deepEqual(await told("/v1/model_sessions/stop_all", "POST", { application: "Unity" }), { success: true });
  const active = (await told("/v1/model_sessions?show=active")).modelSessions.map(({ id }) => id);
  assert.ok(active.includes(started.id) && active.includes("echo"));
  assert.deepEqual(await told("/v1/model_sessions/stop_all", "POST", { application: "Photoshop" }), { success: true });
  assert.ok(!(await told("/v1/model_sessions")).modelSessions.some(({ id }) => id === started.id));
  assert.match((await told(`/v1/model_sessions/${started.id}`)).error, /there is no session/);
});
