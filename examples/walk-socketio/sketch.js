// Watch dream over Socket.IO, and steer its walk with the mouse: further right is faster. Click: elsewhere.

let bridge, picture, seed = 0;

function setup() {
  createCanvas(512, 512);
  bridge = io("http://127.0.0.1:8000");
  bridge.on("connect", () => bridge.emit("subscribe", { session: "dream", port: "image" }));
  bridge.on("frame", async (head, jpeg) => { picture = await createImageBitmap(new Blob([jpeg])); });
  bridge.on("error", ({ error }) => console.error(error.message, error.hint));
}

function draw() {
  if (picture) drawingContext.drawImage(picture, 0, 0, width, height);
}

const tell = (set) => bridge.emit("walk", { session: "dream", set });

function mouseMoved() {
  tell({ speed: constrain(mouseX / width, 0.01, 1) * 4 });
}

function mousePressed() {
  seed += 1;
  tell({ seed, play: true });
}
