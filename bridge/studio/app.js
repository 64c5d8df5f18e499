// The plain page: what runs, its controls and its live outputs. It uses the public API only, like any sketch.

const token = new URLSearchParams(location.search).get("token") ?? sessionStorage.getItem("token");
if (token) sessionStorage.setItem("token", token);

const cards = new Map();
let streamsLeft = 4; // a browser holds six connections to one server; the rest are for everything else
const $ = (id) => document.getElementById(id);

function element(tag, text = "", properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text) made.textContent = text;
  return made;
}

// An address for <img> and EventSource, which can't send a header.
function address(path, query = {}) {
  const all = new URLSearchParams(token ? { ...query, token } : query);
  return all.size ? `${path}?${all}` : path;
}

async function api(method, path, body) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const isForm = body instanceof FormData;
  if (body && !isForm) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, body: isForm || !body ? body : JSON.stringify(body) });
  if (response.status === 204) return null;
  const answer = await response.json();
  if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
  return answer;
}

function tell(error) {
  $("trouble").hidden = !error;
  $("trouble").textContent = error ? [error.message, error.hint].filter(Boolean).join("\n") : "";
}

async function trying(work) {
  try {
    const result = await work();
    tell(null);
    return result;
  } catch (error) {
    tell(error);
    return undefined;
  }
}

// --- inputs: one control for each port -----------------------------------------------------------

function control(port, current) {
  const value = current ?? port.default ?? "";
  if (port.kind === "number") {
    const { min: low, max: high } = port;
    if (low == null || high == null) return element("input", "", { type: "text", inputMode: "decimal", value });
    return element("input", "", { type: "range", min: low, max: high, step: port.step || (high - low) / 200, value });
  }
  if (port.kind === "boolean") return element("input", "", { type: "checkbox", checked: Boolean(value) });
  if (port.kind === "category") {
    const list = element("select");
    for (const choice of port.choices) list.append(element("option", choice, { value: choice, selected: choice === value }));
    return list;
  }
  if (port.kind === "image") return element("input", "", { type: "file", accept: "image/*" });
  if (port.kind === "audio") return element("input", "", { type: "file", accept: "audio/*" });
  if (port.kind === "file" || port.kind === "segmentation") return element("input", "", { type: "file" });
  if (port.kind === "text") return element("textarea", "", { rows: 2, value });
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return element("input", "", { type: "text", value: text, placeholder: "JSON" });
}

function read(port, field) {
  if (field.type === "file") return field.files[0];
  if (field.type === "checkbox") return field.checked;
  if (port.kind === "number") return Number(field.value);
  if (port.kind === "text" || port.kind === "category") return field.value;
  return JSON.parse(field.value);
}

async function send(card, name, port, field) {
  const value = read(port, field);
  if (value === undefined) return;
  const path = `/api/sessions/${card.name}/inputs`;
  if (!(value instanceof File)) return api("PATCH", path, { [name]: value });
  const form = new FormData();
  form.append(name, value);
  return api("PATCH", path, form);
}

// While one is on its way only the newest of the next ones is kept.
function newestOnly(work) {
  let busy = false;
  let waiting = false;
  return async function run() {
    if (busy) { waiting = true; return; }
    busy = true;
    do { waiting = false; await trying(work); } while (waiting);
    busy = false;
  };
}

function buildInputs(card, ports, current) {
  card.inputs.replaceChildren();
  for (const [name, port] of Object.entries(ports)) {
    const label = element("label", "", { title: port.description ?? "" });
    const line = element("span", "", { className: "line" });
    const shown = element("span", "", { className: "value" }); // no <output>: the label would be taken for its own
    const field = control(port, current[name]);
    line.append(element("span", name), shown);
    label.append(line, field);
    const show = () => { shown.textContent = field.type === "range" ? String(Math.round(field.value * 1000) / 1000) : port.unit ?? ""; };
    const offer = newestOnly(() => send(card, name, port, field));
    field.addEventListener(field.type === "file" || field.type === "text" ? "change" : "input", () => { show(); offer(); });
    show();
    card.inputs.append(label);
  }
}

// --- outputs: pictures as MJPEG, everything else as events ---------------------------------------

function buildOutputs(card, ports) {
  leaveStreams(card);
  card.outputs.replaceChildren();
  card.ports = new Map();
  const followed = [];
  for (const [name, port] of Object.entries(ports)) {
    const box = element("div", "", { className: "port" });
    box.append(element("b", name));
    if (port.kind === "image" || port.kind === "segmentation") {
      const image = element("img", "", { alt: `live ${name} of ${card.name}` });
      if (takeStream(card)) image.src = address(`/api/sessions/${card.name}/stream/${name}.mjpg`, { width: 960 });
      else card.polled.push(() => { image.src = address(`/api/sessions/${card.name}/outputs/${name}.jpg`, { width: 960 }) + `#${Date.now()}`; });
      box.append(image);
    } else {
      const shown = element("pre", "…");
      box.append(shown);
      card.ports.set(name, { box, shown, pieces: port.pieces, run: 0 });
      followed.push(name);
    }
    card.outputs.append(box);
  }
  follow(card, followed, [...card.ports.values()].some((port) => port.pieces) ? "all" : "newest");
}

function takeStream(card) {
  if (streamsLeft === 0) return false;
  streamsLeft -= 1;
  card.streams += 1;
  return true;
}

function leaveStreams(card) {
  card.events?.close();
  for (const image of card.outputs.querySelectorAll("img")) image.removeAttribute("src");
  streamsLeft += card.streams;
  Object.assign(card, { streams: 0, polled: [], events: null });
}

function follow(card, ports, policy) {
  if (ports.length && takeStream(card)) {
    card.events = new EventSource(address(`/api/sessions/${card.name}/events`, { port: ports.join(","), policy }));
    card.events.addEventListener("output", (event) => showOutput(card, JSON.parse(event.data)));
  } else if (ports.length) {
    card.polled.push(async () => {
      const { outputs } = await api("GET", `/api/sessions/${card.name}/outputs`);
      Object.values(outputs).forEach((frame) => showOutput(card, frame));
    });
  }
}

function showOutput(card, frame) {
  const place = card.ports.get(frame.port);
  if (!place) return;
  const text = typeof frame.value === "string" ? frame.value : JSON.stringify(frame.value);
  const more = place.pieces && place.run === frame.run;
  place.run = frame.run;
  place.shown.textContent = more ? place.shown.textContent + text : text;
  if (Array.isArray(frame.value) && frame.value.every(isColour)) showColours(place, frame.value);
}

const isColour = (value) => typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value);

// SVG attributes, because the page's own rules allow no inline styles.
function showColours(place, colours) {
  place.swatches ??= place.box.insertBefore(element("div", "", { className: "swatches" }), place.shown);
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", `0 0 ${colours.length || 1} 1`);
  drawing.setAttribute("preserveAspectRatio", "none");
  colours.forEach((colour, index) => {
    const patch = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ x: index, y: 0, width: 1, height: 1, fill: colour })) patch.setAttribute(key, value);
    drawing.append(patch);
  });
  place.swatches.replaceChildren(drawing);
}

// --- sessions ------------------------------------------------------------------------------------

function newCard(name) {
  const root = $("session").content.firstElementChild.cloneNode(true);
  const find = (selector) => root.querySelector(selector);
  const card = { name, root, inputs: find(".inputs"), outputs: find(".outputs"), built: "", streams: 0, polled: [] };
  find("h2").textContent = name;
  find(".close").addEventListener("click", () => trying(() => api("DELETE", `/api/sessions/${name}`)).then(refresh));
  card.inputs.addEventListener("submit", (event) => event.preventDefault());
  $("sessions").append(root);
  cards.set(name, card);
  return card;
}

function update(session) {
  const card = cards.get(session.name) ?? newCard(session.name);
  const find = (selector) => card.root.querySelector(selector);
  const { stats, progress } = session;
  find(".state").textContent = session.state;
  find(".state").className = `state ${session.state}`;
  find(".stats").textContent = stats.runs ? `${stats.fps.toFixed(1)} fps · model ${stats.model_ms.toFixed(1)} ms · age ${stats.age_p50_ms.toFixed(0)} ms` : "";
  find(".note").textContent = noteOf(session, progress);
  const commands = session.signature ? Object.values(session.signature.commands) : [];
  const built = JSON.stringify(session.signature);
  if (!commands.length || built === card.built) return;
  card.built = built;
  buildInputs(card, commands[0].inputs, session.inputs);
  buildOutputs(card, Object.assign({}, ...commands.map((command) => command.outputs)));
  find(".curl").textContent = curl(session.name, commands[0]);
}

function noteOf(session, progress) {
  if (session.error) return [session.error.message, session.error.hint].filter(Boolean).join("\n");
  if (session.state !== "starting") return session.signature?.commands ? Object.values(session.signature.commands)[0].description ?? "" : "";
  const share = progress.fraction >= 0 ? ` ${Math.round(progress.fraction * 100)} %` : "";
  return `${progress.stage}${share} ${progress.text}`;
}

function curl(name, command) {
  const fields = Object.entries(command.inputs).map(([input, port]) => (port.kind === "image" ? ` -F ${input}=@photo.jpg` : "")).join("");
  const picture = Object.values(command.outputs).some((port) => port.kind === "image");
  const wish = picture ? " -H 'Accept: image/jpeg' -o out.jpg" : "";
  return `curl${fields || " -X POST"} ${location.origin}/api/sessions/${name}/run${wish}`;
}

async function refresh() {
  const answer = await trying(() => api("GET", "/api/sessions"));
  if (!answer) return;
  const open = new Set(answer.sessions.map((session) => session.name));
  for (const [name, card] of cards) {
    if (open.has(name)) continue;
    leaveStreams(card);
    card.root.remove();
    cards.delete(name);
  }
  answer.sessions.forEach(update);
  for (const card of cards.values()) for (const poll of card.polled) poll();
}

async function fillModels() {
  const answer = await trying(() => api("GET", "/api/models"));
  for (const model of answer?.models ?? []) {
    if (!model.problem) $("models").append(element("option", model.title ?? model.id, { value: model.id }));
  }
}

$("opener").addEventListener("submit", (event) => {
  event.preventDefault();
  trying(() => api("POST", "/api/sessions", { model: $("models").value })).then(refresh);
});

const info = await trying(() => api("GET", "/api/info"));
if (info) $("about").textContent = `version ${info.version}`;
fillModels();
await refresh();
setInterval(refresh, 1000);
