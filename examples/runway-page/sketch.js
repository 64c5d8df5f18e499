// As such sketches were written for the Runway app, with nothing but its Socket.IO: ask, wait for data, ask again.

const show = (id, what) => { document.getElementById(id).textContent = what; };
const model = io.connect("http://127.0.0.1:3000/");
let place = [], direction = [];

model.on("connect", () => show("status", "connected"));
model.on("disconnect", () => show("status", "not connected"));
model.on("error", ({ error }) => show("status", error));

// The model says what it takes as soon as we are connected: a place in its latent space is so long.
model.on("info", ({ inputs }) => {
  const { length } = inputs.find(({ name }) => name === "z");
  place = normal(length);
  direction = normal(length);
  ask();
});

model.on("data", ({ image }) => {
  document.getElementById("picture").src = image;
});

document.getElementById("picture").onclick = () => { place = normal(place.length); ask(); };
document.getElementById("truncation").oninput = ask;
document.onmousemove = ({ clientX }) => {
  if (!place.length) return;
  const turn = clientX / window.innerWidth;
  place = place.map((value, i) => value * Math.cos(turn / 50) + direction[i] * Math.sin(turn / 50));
  ask();
};

function ask() {
  model.emit("query", { z: place, truncation: Number(document.getElementById("truncation").value) });
}

function normal(length) {
  return Array.from({ length }, () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()));
}
