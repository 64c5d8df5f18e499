// Lines to paste into other programs, for one session as it is: they work as they stand.

import { canWalk, pictureOf, usual, writes } from "../core/sessions.js";
import { oscOf } from "./places.js";

// [{id, name, code, note}], those first that people reach for first.
export function snippetsOf(session, { origin, token = "", wires = [] }) {
  const about = describe(session, origin, token, wires);
  return Object.entries(KINDS).map(([name, make]) => ({ name, ...made(make(about)) })).filter(({ code }) => code);
}

const made = (given) => (typeof given === "string" ? { code: given, note: "" } : given ?? { code: "" });

function describe(session, origin, token, wires) {
  const { inputs, outputs } = usual(session);
  const slider = !writes(session) && Object.entries(inputs).find(([input, port]) => port.kind === "number" && port.min !== undefined && port.max !== undefined && !input.includes("/"));
  const encoded = encodeURIComponent(session.name);
  return {
    name: session.name, encoded, origin, token, inputs, outputs, osc: oscOf(wires, { hostname: new URL(origin).hostname, token }),
    url: `${origin}/api/sessions/${encoded}`, walks: canWalk(session), writes: writes(session), picture: pictureOf(session),
    imageIn: Object.entries(inputs).find(([, one]) => one.kind === "image")?.[0], slider: slider && { input: slider[0], ...slider[1] },
    query: token ? `?token=${encodeURIComponent(token)}` : "",
  };
}

const json = (value) => JSON.stringify(value);
const headers = ({ token }) => (token ? ` -H 'Authorization: Bearer ${token}'` : "");

// What has to come for a run, mild values.
function needed({ inputs }) {
  const mild = { text: "hello", number: 0, boolean: false, point: [0.5, 0.5], box: [0.25, 0.25, 0.75, 0.75], array: [], any: {} };
  return Object.fromEntries(Object.entries(inputs).filter(([, port]) => !("default" in port) && port.kind in mild).map(([input, port]) => [input, port.kind === "number" ? port.min ?? 0 : mild[port.kind]]));
}

// What a text model is told: a beginning, and how much of it there shall be.
const BEGINNING = "function setup() {";
const asked = ({ inputs }, tokens = 40) => ({ prompt: BEGINNING, ..."max_tokens" in inputs ? { max_tokens: tokens } : {} });
const live = (it) => (it.writes ? { prompt: BEGINNING } : it.slider ? { [it.slider.input]: it.slider.max } : needed(it));

const named = (values) => Object.entries(values).map(([input, value]) => `${input}=${value === false ? "False" : json(value)}`).join(", ");

const KINDS = {
  "p5.js": (it) => {
    const show = it.picture && `  createImg("${it.url}/stream/${it.picture}.mjpg${it.query}", "${it.picture}").style("width", "400px");`;
    if (it.walks) {
      return `const tell = (walk) => fetch("${it.url}/walk${it.query}", { method: "PATCH", body: JSON.stringify(walk) });
function setup() {
  noCanvas();
${show}
}
function mouseMoved() { tell({ speed: max(mouseX, 0) / 100 }); }
function mousePressed() { tell({ seed: floor(random(1000)) }); }`;
    }
    const { slider } = it;
    const control = slider && `  const slider = createSlider(${slider.min}, ${slider.max}, ${slider.default ?? slider.min}, ${slider.step ?? (slider.max - slider.min) / 100});
  slider.input(() => fetch("${it.url}/inputs${it.query}", { method: "PATCH", body: JSON.stringify({ ${json(slider.input)}: slider.value() }) }));`;
    if (it.writes) {
      return `let said, under;
function setup() {
  noCanvas();
  createInput("").input(write);
  said = createP("");
}
async function write(event) {
  under?.abort(); // of what was typed only the newest counts
  under = new AbortController();
  const body = JSON.stringify({ prompt: event.target.value${"max_tokens" in it.inputs ? ", max_tokens: 20" : ""} });
  const asked = fetch("${it.url}/run${it.query}", { method: "POST", body, signal: under.signal });
  const answer = await asked.then((one) => one.json()).catch(() => ({}));
  if (answer.outputs) said.elt.textContent = answer.outputs.generated_text;
}`;
    }
    const listen = !it.picture && `  new EventSource("${it.url}/events?port=${Object.keys(it.outputs)}${it.query.replace("?", "&")}").addEventListener("output", (event) => print(event.data));`;
    return ["function setup() {", "  noCanvas();", show, control, listen, "}"].filter(Boolean).join("\n");
  },
  curl: (it) => {
    const call = `curl${headers(it)}`;
    if (it.walks) return `${call} -X PATCH ${it.url}/walk -d '{"kind": "circle", "seconds": 10}'`;
    if (it.imageIn) return `${call} -F ${it.imageIn}=@photo.jpg ${it.url}/run${it.picture ? " -H 'Accept: image/jpeg' -o out.jpg" : ""}`;
    if (it.writes) return `${call} ${it.url}/run -H 'Accept: text/plain' -d '${json(asked(it))}'`;
    return `${call} ${it.url}/run -d '${json(needed(it))}'`;
  },
  Python: (it) => {
    const bridge = `Bridge(${it.origin === "http://127.0.0.1:8000" ? "" : json(it.origin)}${it.token ? `${it.origin === "http://127.0.0.1:8000" ? "" : ", "}token=${json(it.token)}` : ""})`;
    const session = `bridge.session(${json(it.name)})`;
    const line = it.walks
      ? `${session}.walk(kind="drift", distance=0.5)`
      : it.imageIn
        ? `result = ${session}.run(${it.imageIn}=open("photo.jpg", "rb").read())\n    print(${Object.keys(it.outputs).filter((port) => port !== it.picture).map((port) => `result[${json(port)}]`).join(", ") || "list(result)"})`
        : it.writes
          ? `for step in ${session}.stream(${named(asked(it))}):\n        print(step.get("generated_text", ""), end="", flush=True)`
          : `print(${session}.run(${named(needed(it))}))`;
    return { code: `from sketchbridge_client import Bridge\n\nwith ${bridge} as bridge:\n    ${line}`, note: "Needs the Python client: pip install ./clients/python" };
  },
  Processing: (it) => {
    if (it.writes) {
      const token = it.token ? `\n    .header("Authorization", "Bearer ${it.token}")` : "";
      return { code: `import java.net.URI;
import java.net.http.*;

void setup() {
  String asked = ${json(json(asked(it)))};
  HttpRequest request = HttpRequest.newBuilder(URI.create("${it.url}/run"))
    .header("Accept", "text/plain")${token}
    .POST(HttpRequest.BodyPublishers.ofString(asked)).build();
  try {
    println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
  } catch (Exception problem) { println(problem); }
}`, note: "Needs Processing 4." };
    }
    if (it.picture) return `void setup() { size(640, 640); }\nvoid draw() {\n  PImage picture = loadImage("${it.url}/outputs/${it.picture}.jpg${it.query}", "jpg");\n  if (picture != null) image(picture, 0, 0, width, height);\n}`;
    const port = Object.keys(it.outputs)[0];
    return `void draw() {\n  String[] said = loadStrings("${it.url}/outputs/${port}${it.query}");\n  if (said != null) println(said[0]);\n  delay(500);\n}`;
  },
  JavaScript: (it) => {
    const port = it.picture ?? Object.keys(it.outputs)[0];
    const all = it.outputs[port].pieces; // text comes in pieces, and none may be missing
    const show = it.picture ? `document.querySelector("img").src = message.value;` : all ? "console.log(said = message.sequence ? said + message.value : message.value);" : "console.log(message.value);";
    const first = it.walks ? `  say({ type: "walk", session: ${json(it.name)}, set: { kind: "drift" } });` : it.slider || it.writes ? `  say({ type: "send", session: ${json(it.name)}, inputs: ${json(live(it))} });` : "";
    return { code: [`const socket = new WebSocket("${it.origin.replace("http", "ws")}/api/ws${it.query}");`, "const say = (message) => socket.send(JSON.stringify(message));", all && 'let said = "";', "socket.onopen = () => {",
      `  say({ type: "subscribe", id: 1, session: ${json(it.name)}, port: ${json(port)}, ${all ? 'policy: "all", ' : ""}binary: false });`, first, "};", "socket.onmessage = ({ data }) => {", "  const message = JSON.parse(data);", `  if (message.type === "frame") ${show}`, "};"].filter(Boolean).join("\n"),
    note: it.picture ? "Shows it in the first <img> of the page." : "" };
  },
  "Socket.IO": (it) => {
    const tell = it.walks ? `"walk", { session: ${json(it.name)}, set: { speed: 2 } }` : `"send", { session: ${json(it.name)}, inputs: ${json(live(it))} }`;
    const port = it.picture ?? Object.keys(it.outputs)[0];
    const all = it.outputs[port].pieces;
    const show = it.picture ? "document.images[0].src = URL.createObjectURL(new Blob([value]))" : all ? "console.log(said = head.sequence ? said + value : value)" : "console.log(value)";
    return `${it.picture ? "<img>\n" : ""}<script src="${it.origin}/socket.io/socket.io.js"></script>
<script>
  const bridge = io("${it.origin}"${it.token ? `, { auth: { token: ${json(it.token)} } }` : ""});
  bridge.on("connect", () => bridge.emit("subscribe", { session: ${json(it.name)}, port: ${json(port)}${all ? ', policy: "all"' : ""} }));${all ? '\n  let said = "";' : ""}
  bridge.on("frame", (head, value) => { ${show}; });
  bridge.emit(${tell});
</script>`;
  },
  OSC: (it) => {
    const target = it.walks ? `/${it.name}/walk/speed f 2` : it.slider ? `/${it.name}/${it.slider.input} f ${it.slider.max}` : it.writes ? `/${it.name}/prompt s "${BEGINNING}"` : "";
    return { code: target && `oscsend ${it.osc.host} ${it.osc.port} ${target}`, note: [it.osc.on && "oscsend comes with liblo; any OSC program can send the same.", it.osc.note].filter(Boolean).join(" ") };
  },
  "Pure Data": (it) => {
    const parts = it.walks ? ["walk", "speed"] : it.slider ? [it.slider.input] : it.writes ? ["prompt"] : null;
    const [low, high] = it.walks ? [0, 4] : [it.slider?.min ?? 0, it.slider?.max ?? 1];
    return parts && {
      code: `#N canvas 100 100 420 260 12;
${it.writes ? "#X msg 30 30 symbol function" : `#X obj 30 30 hsl 200 18 ${low} ${high} 0 0 empty empty ${parts.at(-1)} -2 -10 0 12 -1 -1 -1 0 1`};
#X obj 30 70 oscformat ${it.name} ${parts.join(" ")};
#X obj 30 100 list prepend send;
#X obj 30 130 list trim;
#X obj 30 200 netsend -u -b;
#X obj 280 100 loadbang;
#X msg 280 130 connect ${it.osc.host} ${it.osc.port};
#X connect 0 0 1 0;
#X connect 1 0 2 0;
#X connect 2 0 3 0;
#X connect 3 0 4 0;
#X connect 5 0 6 0;
#X connect 6 0 4 0;`,
      note: `Save it as ${it.name}.pd and open it. ${it.osc.note}`,
    };
  },
  TouchDesigner: (it) => ({
    code: `# a Text DAT; right click, Run Script
import json, urllib.request

def tell(**values):
    request = urllib.request.Request("${it.url}/${it.walks ? "walk" : "inputs"}${it.query}", json.dumps(values).encode(), method="PATCH")
    return json.load(urllib.request.urlopen(request))

tell(${it.walks ? "speed=2" : it.slider || it.writes ? `**${json(live(it))}` : ""})`,
    note: `${it.picture ? `The picture: a Video Stream In TOP with ${it.url}/stream/${it.picture}.mjpg${it.query}. ` : ""}Untested in TouchDesigner itself.`,
  }),
  "OpenAI client": (it) => it.writes && {
    code: `from openai import OpenAI

client = OpenAI(base_url="${it.origin}/v1", api_key=${json(it.token || "none")})
answer = client.completions.create(model=${json(it.name)}, prompt="function setup() {", max_tokens=40)
print(answer.choices[0].text)`,
    note: "pip install openai; its npm package takes the same baseURL.",
  },
};
