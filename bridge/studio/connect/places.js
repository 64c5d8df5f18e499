// Where a session is found: addresses as other machines reach them, from where this page is looked at.

const EVERYWHERE = new Set(["0.0.0.0", "::", "[::]"]); // what a socket is bound to; nobody can send there
const isLoopback = (host) => /^(localhost|127\.|\[?::1\]?$)/.test(host);

// `hostname` is the page's own, as `location` tells it: it has led to this bridge.
const met = (host, hostname) => (!EVERYWHERE.has(host) ? host : host === "0.0.0.0" && isLoopback(hostname) ? "127.0.0.1" : hostname);

// An address of a wire, with a host that can be reached.
export const reached = (address, hostname) => address.replace(/(\/\/)(0\.0\.0\.0|\[::\])(?=[:/]|$)/, (_, slashes, host) => slashes + met(host, hostname));

// {host, port, on, note}: where OSC goes to, and what it needs besides. The host is without brackets, as programs take it.
export function oscOf(wires, { hostname, token }) {
  const wire = wires.find(({ name, state }) => name === "osc" && state === "on");
  if (!wire) return { host: "127.0.0.1", port: "9000", on: false, note: "This bridge has OSC switched off, or not yet." };
  const [bound, port] = (wire.addresses?.[0] ?? "").match(/\/\/(\[[^\]]*\]|[^:/]+):(\d+)/)?.slice(1) ?? ["127.0.0.1", "9000"];
  const notes = [
    isLoopback(bound) && !isLoopback(hostname) && "OSC listens on the bridge's own machine alone: --osc-host 0.0.0.0 opens it.",
    (token || !isLoopback(bound)) && "OSC carries no token: start the bridge with --osc-allow and the address that sends.",
  ];
  return { host: met(bound, hostname).replace(/^\[|\]$/g, ""), port, on: true, note: notes.filter(Boolean).join(" ") };
}

// [[what, address]] of one session. `about`: {origin, hostname, query, wires, has}; `has(path)`: whether this bridge has that route.
export function placesOf({ name, images, pictures, outputs, writes }, { origin, hostname, query = "", wires, has }) {
  const base = `${origin}/api/sessions/${encodeURIComponent(name)}`;
  const whole = (path) => path + query; // opened by programs that send no header
  const route = (path) => has(`/api/sessions/{session}/${path}`);
  return [
    ["HTTP", base], ["WebSocket", `${origin.replace("http", "ws")}/api/ws`], has("/socket.io/") && ["Socket.IO", `${origin}/socket.io/`],
    ...pictures.flatMap((port) => [
      [`stream of ${port}`, whole(`${base}/stream/${port}.mjpg`)], [`last ${port}`, whole(`${base}/outputs/${port}.jpg`)],
      route("whep/{port}") && [`WHEP, ${port} out`, whole(`${base}/whep/${port}`)],
    ]),
    ...images.map((input) => route("whip/{input}") && [`WHIP, ${input} in`, whole(`${base}/whip/${input}`)]),
    ["events", `${base}/events?port=${outputs.join(",")}${query.replace("?", "&")}`],
    writes && has("/v1/completions") && ["OpenAI", `${origin}/v1 (model ${name})`],
    ...wires.filter(({ state }) => state === "on").flatMap((wire) => (wire.addresses ?? []).map((address) => place(wire.name, reached(address, hostname), name))),
  ].filter(Boolean);
}

// One of a wire's addresses, led on to this session. Runway's tell whose they are: "dream socket.io http://…".
function place(wire, address, name) {
  if (wire === "runway") return address.startsWith(`${name} `) ? [wire, address.slice(name.length + 1)] : null;
  if (wire === "osc" || wire === "oscquery") return [wire, `${address}/${name}${address.startsWith("osc.") ? "/…" : ""}`];
  return [wire, address];
}
