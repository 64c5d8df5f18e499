// The lines that the page says to paste for a session, as JSON: node snippets.mjs ADDRESS SESSION

const [origin, name] = process.argv.slice(2);

// What a page has and Node has not, as far as it is looked at while the page's files are read; nothing of it is used.
class Silent { addEventListener() {} close() {} send() {} }
const bare = { location: new URL(origin), history: {}, sessionStorage: { getItem: () => null }, localStorage: { getItem: () => null } };
Object.assign(globalThis, bare, { document: new Silent(), window: globalThis, WebSocket: Silent });

const { snippetsOf } = await import("../../bridge/studio/connect/snippets.js");
const ask = async (path) => (await fetch(origin + path)).json();
const { wires } = await ask("/api/info");
process.stdout.write(JSON.stringify(snippetsOf(await ask(`/api/sessions/${name}`), { origin, wires })));
process.exit();
