// Watch dream, and steer its walk with the mouse: further right is faster, further down goes further. Click: elsewhere.

let bridge, picture, seed = 0;

function setup() {
  createCanvas(512, 512);
  bridge = new WebSocket("ws://127.0.0.1:8000/api/ws");
  bridge.binaryType = "arraybuffer";
  bridge.onopen = () => say({ type: "subscribe", id: 1, session: "dream", port: "image" });
  bridge.onmessage = async ({ data }) => {
    if (typeof data === "string") return; // answers; the pictures are binary, each behind its head
    const head = new DataView(data).getUint32(20, true);
    picture = await createImageBitmap(new Blob([new Uint8Array(data, 24 + head)]));
  };
}

function draw() {
  if (picture) drawingContext.drawImage(picture, 0, 0, width, height);
}

const say = (message) => { if (bridge.readyState === 1) bridge.send(JSON.stringify(message)); };
const tell = (set) => say({ type: "walk", session: "dream", set });
const along = (place, size, most) => constrain(place / size, 0.01, 1) * most;

function mouseMoved() {
  tell({ speed: along(mouseX, width, 4), distance: along(mouseY, height, 2) });
}

function mousePressed() {
  seed += 1;
  tell({ seed, play: true });
}
