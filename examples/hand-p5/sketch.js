// Be the walk: the mouse is a place among three random ones, sent sixty times a second. The newest wins.

let bridge, picture, corners;

function setup() {
  createCanvas(512, 512);
  frameRate(60);
  bridge = new WebSocket("ws://127.0.0.1:8000/api/ws");
  bridge.binaryType = "arraybuffer";
  bridge.onopen = () => {
    say({ type: "describe", id: 1, session: "dream", wait: true });
    say({ type: "subscribe", id: 2, session: "dream", port: "image" });
  };
  bridge.onmessage = ({ data }) => (typeof data === "string" ? heard(JSON.parse(data)) : show(data));
}

const say = (message) => bridge.send(JSON.stringify(message));

function heard({ id, type, value, error }) {
  if (error) console.error(error.message, error.hint);
  if (type === "reply" && id === 1) newCorners(value.signature.commands.run.inputs.z.length);
}

function newCorners(length) {
  corners = [0, 1, 2].map(() => Float32Array.from({ length }, () => randomGaussian()));
}

async function show(data) {
  const head = new DataView(data).getUint32(20, true);
  picture = await createImageBitmap(new Blob([new Uint8Array(data, 24 + head)]));
}

function draw() {
  if (corners) bridge.send(message("z", place((mouseX / width) * HALF_PI, (mouseY / height) * HALF_PI)));
  if (picture) drawingContext.drawImage(picture, 0, 0, width, height);
}

// A turn from corner to corner, so that it stays as long as places are.
function place(across, down) {
  const [left, right, below] = corners;
  return left.map((_, i) => (left[i] * cos(across) + right[i] * sin(across)) * cos(down) + below[i] * sin(down));
}

// A binary message: 24 bytes, a head in JSON that ends on a multiple of four, the numbers. docs/protocol.md
function message(port, numbers) {
  const head = JSON.stringify({ type: "send", session: "dream", inputs: {}, blobs: [{ port, format: "f32" }] });
  const padded = new TextEncoder().encode(head.padEnd(Math.ceil(head.length / 4) * 4));
  const bytes = new Uint8Array(24 + padded.length + numbers.byteLength);
  bytes.set([83, 66, 1, 1]);
  new DataView(bytes.buffer).setUint32(20, padded.length, true);
  bytes.set(padded, 24);
  bytes.set(new Uint8Array(numbers.buffer), 24 + padded.length);
  return bytes;
}

function mousePressed() {
  if (corners) newCorners(corners[0].length);
}
