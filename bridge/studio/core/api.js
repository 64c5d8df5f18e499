// The HTTP API: addresses, questions, and mistakes as they are told.

const given = new URLSearchParams(location.search).get("token");
const token = given ?? sessionStorage.getItem("token");
if (given) { // kept for this tab, and taken out of an address that others may see
  sessionStorage.setItem("token", given);
  history.replaceState(null, "", location.pathname + location.hash);
}

// A path with its parts encoded: at`/api/sessions/${name}/walk`.
export function at(words, ...parts) {
  return words.reduce((path, word, index) => path + encodeURIComponent(parts[index - 1]) + word);
}

// An address where no header can be sent: of a picture, of the WebSocket.
export function address(path) {
  return token ? `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams({ token })}` : path;
}

export const mistake = (error) => Object.assign(new Error(error.message), error);

export async function api(method, path, body, extra = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const isForm = body instanceof FormData;
  if (body && !isForm) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: isForm || !body ? body : JSON.stringify(body), ...extra });
  } catch {
    throw mistake({ code: "connection_lost", message: "the bridge does not answer", hint: "is it still running?" });
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  // A session that failed tells why under `error`, too: that is no mistake of this question.
  if (!response.ok) throw mistake(answer?.error ?? { code: "bridge_error", message: `the bridge answered ${response.status}`, hint: response.statusText });
  return answer;
}

let described = null;

// What this bridge has: bridges get more routes, and the page shows what there is. {path: {method: …}}
export async function routes() {
  described ??= api("GET", "/api/openapi.json").catch(() => { described = null; return { paths: {} }; });
  return (await described).paths;
}

export const offers = async (method, path) => Boolean((await routes())[path]?.[method.toLowerCase()]);
