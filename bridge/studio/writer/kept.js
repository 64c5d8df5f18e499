// The text of each editor, kept in this browser under its session's name, taken along when that changes, and gone with the
// session: one that is added again begins as new.

import { heardOf } from "../core/sessions.js";

const key = (name) => `text of ${name}`;

export const textOf = (name) => ({
  read: () => localStorage.getItem(key(name)) ?? "",
  write: (text) => (text ? localStorage.setItem(key(name), text) : localStorage.removeItem(key(name))),
});

export const forgetText = (name) => localStorage.removeItem(key(name));

heardOf.add((kind, name, data) => {
  if (kind === "session_closed") forgetText(name);
  const text = kind === "session_renamed" && localStorage.getItem(key(data.from));
  if (!text) return;
  localStorage.setItem(key(name), text);
  localStorage.removeItem(key(data.from));
});
