// npm's socket.io-client 3 and 4 at /socket.io/, over polling and WebSocket.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { model, startBridge } from "./support.js";

const require = createRequire(import.meta.url);
const LARGE = 5 * 1024 * 1024;
const SIZE = { width: 1600, height: 1100, channels: 3 }; // as raw pixels a little more than that
const TOKEN = "node-tests-token";
const WAYS = { polling: ["polling"], WebSocket: ["websocket"], "polling, then WebSocket": ["polling", "websocket"] };

let bridge, locked;
before(async () => {
  const sessions = ["painter", "counter", "echo", "seer"].flatMap((name) => ["--model", model(name)]);
  [bridge, locked] = await Promise.all([startBridge(...sessions), startBridge("--token", TOKEN)]);
});
after(() => Promise.all([bridge?.close(), locked?.close()]));

function connect(version, transports, options) {
  const { io } = require(`socket.io-client-${version}`);
  return io(bridge.url, { forceNew: true, reconnection: false, transports, ...options });
}
const heard = (socket, name) => new Promise((resolve) => socket.once(name, (...values) => resolve(values)));
const asked = (socket, verb, fields) => new Promise((resolve) => socket.emit(verb, fields, resolve));

for (const version of ["3", "4"]) {
  for (const [way, transports] of Object.entries(WAYS)) {
    test(`socket.io-client ${version}, ${way}: greeted, runs, follows`, async () => {
      const socket = connect(version, transports);
      try {
        const [hello] = await heard(socket, "hello");
        assert.ok(hello.sessions.some(({ name, state }) => name === "painter" && state === "ready"));

        const done = await asked(socket, "run", { session: "counter", inputs: { upto: 3 } });
        assert.equal(done.type, "done");
        assert.deepEqual(done.outputs, { text: "0 1 2 " });

        const reply = await asked(socket, "subscribe", { id: 5, session: "painter", port: "image" });
        assert.equal(reply.value.encoding.format, "jpeg");
        socket.emit("send", { session: "painter", inputs: { shade: 0.5 } });
        const [head, bytes] = await heard(socket, "frame");
        assert.equal(head.id, 5);
        assert.equal(head.session, "painter");
        assert.deepEqual([...bytes.subarray(0, 2)], [0xff, 0xd8]);

        assert.equal((await asked(socket, "unsubscribe", { id: 5 })).type, "done");
        const wrong = await asked(socket, "run", { session: "painter", inputs: { shade: "dark" } });
        assert.equal(wrong.error.code, "invalid_input");
        assert.equal(wrong.error.field, "shade");
      } finally {
        socket.close();
      }
    });

    test(`socket.io-client ${version}, ${way}: 5 MB there and back, whole`, async () => {
      const socket = connect(version, transports);
      try {
        await heard(socket, "hello");
        const text = "å🦜 ".repeat(LARGE / 7);
        const echoed = await asked(socket, "run", { session: "echo", inputs: { value: text } });
        assert.ok(echoed.outputs.any === text, JSON.stringify(echoed.error));

        const pixels = Buffer.alloc(SIZE.width * SIZE.height * SIZE.channels, 200);
        const blobs = [{ port: "image", format: "raw", meta: SIZE }];
        const seen = await asked(socket, "run", { session: "seer", inputs: { image: pixels }, blobs });
        assert.deepEqual(seen.outputs, { size: [SIZE.width, SIZE.height], mean: 200 }, JSON.stringify(seen.error));

        const { width, height } = SIZE;
        const inputs = { shade: 0.4, width, height };
        const drawn = await asked(socket, "run", { session: "painter", inputs, encodings: { image: { format: "raw" } } });
        assert.deepEqual(drawn.blobs, [{ port: "image", format: "raw", length: pixels.length, meta: SIZE }]);
        assert.ok(Buffer.from(drawn.outputs.image).equals(Buffer.alloc(pixels.length, 102)));
      } finally {
        socket.close();
      }
    });

    test(`socket.io-client ${version}, ${way}: a stream comes piece by piece, and can be cancelled`, async () => {
      const socket = connect(version, transports);
      try {
        await heard(socket, "hello");
        const pieces = [];
        socket.on("output", ({ outputs }) => pieces.push(outputs.text));
        const end = await asked(socket, "run", { id: 1, session: "counter", inputs: { upto: 40 }, stream: true });
        assert.equal(end.type, "done");
        assert.deepEqual(pieces, Array.from({ length: 40 }, (_, n) => `${n} `));
        const long = asked(socket, "run", { id: 2, session: "counter", inputs: { upto: 1e9 }, stream: true });
        await heard(socket, "output");
        socket.emit("cancel", { id: 2 });
        assert.equal((await long).error.code, "cancelled");
      } finally {
        socket.close();
      }
    });
  }

  test(`socket.io-client ${version} without acknowledgements hears its answers as events`, async () => {
    const socket = connect(version, ["websocket"]);
    try {
      await heard(socket, "hello");
      socket.emit("run", { id: 9, session: "counter", inputs: { upto: 2 } });
      const [done] = await heard(socket, "done");
      assert.deepEqual([done.id, done.outputs.text], [9, "0 1 "]);
      socket.emit("fly");
      const [{ error, to }] = await heard(socket, "error");
      assert.deepEqual([error.code, to], ["bad_message", "fly"]);
    } finally {
      socket.close();
    }
  });

  test(`socket.io-client ${version} shows a token in auth, and is told when it is missing or wrong`, async () => {
    const { io } = require(`socket.io-client-${version}`);
    for (const auth of [undefined, { token: "wrong" }, { token: TOKEN }]) {
      const socket = io(locked.url, { forceNew: true, reconnection: false, auth });
      try {
        if (auth?.token === TOKEN) {
          await heard(socket, "hello");
          continue;
        }
        const [refused] = await heard(socket, "connect_error");
        assert.match(refused.message, /token/);
        assert.equal(refused.data.code, "unauthorized");
      } finally {
        socket.close();
      }
    }
  });

  test(`socket.io-client ${version} connects again by itself when the bridge sent it away`, async () => {
    const socket = connect(version, ["websocket"], { reconnection: true, reconnectionDelay: 10 });
    try {
      await heard(socket, "hello");
      socket.io.engine.transport.ws.send("9 is no packet");
      await heard(socket, "disconnect");
      await heard(socket, "hello");
    } finally {
      socket.close();
    }
  });
}

test("the bridge serves the browser's client that goes with it", async () => {
  const answer = await fetch(`${bridge.url}/socket.io/socket.io.js`);
  assert.match(answer.headers.get("content-type"), /^text\/javascript/);
  assert.match(await answer.text(), /Socket\.IO v4\.8\./);
  const again = await fetch(answer.url, { headers: { "If-None-Match": answer.headers.get("etag") } });
  assert.equal(again.status, 304);
});

test("a client of Socket.IO 2 is told what it needs", async () => {
  const answer = await fetch(`${bridge.url}/socket.io/?EIO=3&transport=polling`);
  assert.equal(answer.status, 400);
  const { error } = await answer.json();
  assert.match(error.hint, /socket\.io-client 3 or 4/);
});
