// What every part of the page needs: elements, the HTTP API, and how mistakes are told.

const token = new URLSearchParams(location.search).get("token") ?? sessionStorage.getItem("token");
if (token) sessionStorage.setItem("token", token);

export const $ = (id) => document.getElementById(id);

export function element(tag, text = "", properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text) made.textContent = text;
  return made;
}

export function button(text, work, properties = {}) {
  const made = element("button", text, { type: "button", ...properties });
  made.addEventListener("click", () => trying(work));
  return made;
}

// A control under its name, and what it stands at beside it.
export function labelled(name, field, title = "") {
  const label = element("label", "", { title });
  const line = element("span", "", { className: "line" });
  const shown = element("span", "", { className: "value" }); // no <output>: the label would be taken for its own
  field.setAttribute("aria-label", name);
  line.append(element("span", name), shown);
  label.append(line, field);
  return { label, shown };
}

// A control behind its name, in a row.
export function inline(name, field, title = "") {
  const label = element("label", "", { className: "inline", title });
  field.setAttribute("aria-label", name);
  label.append(element("span", name), field);
  return label;
}

export function choice(choices, value, names = {}) {
  const list = element("select");
  for (const one of choices) list.append(element("option", names[one] ?? one, { value: one, selected: one === value }));
  return list;
}

// An address where no header can be sent: of a picture, of the WebSocket.
export function address(path) {
  return token ? `${path}?${new URLSearchParams({ token })}` : path;
}

export async function api(method, path, body) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const isForm = body instanceof FormData;
  if (body && !isForm) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, body: isForm || !body ? body : JSON.stringify(body) });
  if (response.status === 204) return null;
  const answer = await response.json();
  if (answer.error) throw mistake(answer.error);
  return answer;
}

export const mistake = (error) => Object.assign(new Error(error.message), error);

export function tell(error) {
  const text = error ? [error.message, error.hint].filter(Boolean).join("\n") : "";
  $("trouble").hidden = !text;
  $("trouble").textContent = text;
}

// What goes wrong is told until something is tried again.
export async function trying(work) {
  try {
    const result = await work();
    tell(null);
    return result;
  } catch (error) {
    if (error.code !== "cancelled") tell(error);
    return undefined;
  }
}

// While one is on its way only the newest of the next ones is kept.
export function newestOnly(work) {
  let busy = false;
  let waiting = null;
  return async function run(...given) {
    if (busy) { waiting = given; return; }
    busy = true;
    do {
      waiting = null;
      await trying(() => work(...given));
      given = waiting ?? given;
    } while (waiting);
    busy = false;
  };
}
