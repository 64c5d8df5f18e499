// Places that were kept: a row of small pictures, and what can be done with the chosen one.

import { address, api, button, element, trying } from "./base.js";

export class Favourites {
  // `go`, `explore` and `loop` take places, and whether they were kept in w.
  constructor(place, session, { go, explore, keyframes, loop }) {
    Object.assign(this, { session, go, explore, keyframes, loop, all: [], chosen: null });
    this.row = element("div", "", { className: "thumbs", role: "group" });
    this.row.setAttribute("aria-label", "favourites");
    this.actions = element("div", "", { className: "row", hidden: true });
    this.hint = element("span", "keeps where the picture is now", { className: "value" });
    const head = element("div", "", { className: "row" });
    this.round = button("loop through all", () => this.loopThrough(this.all), { hidden: true });
    head.append(button("keep", () => this.keep(), { className: "keep" }), this.round, this.hint);
    place.replaceChildren(head, this.row, this.actions);
  }

  async look() {
    const { favourites } = await api("GET", `/api/favourites?session=${encodeURIComponent(this.session)}`);
    this.show(favourites);
  }

  show(all) {
    this.all = all;
    this.hint.hidden = all.length > 0;
    this.row.hidden = !all.length;
    this.round.hidden = all.length < 2;
    this.row.replaceChildren(...all.map((one) => this.thumb(one)));
    this.choose(all.find((one) => one.id === this.chosen?.id) ?? null);
  }

  thumb(one) {
    const thumb = button("", () => this.pick(one), { title: `go to ${one.name}` });
    thumb.dataset.id = one.id;
    thumb.append(element("img", "", { src: address(one.picture), alt: "" }), element("span", one.name));
    return thumb;
  }

  async pick(one) {
    this.choose(one);
    await this.go({ favourite: one.id }, one.space === "w");
  }

  choose(one) {
    this.chosen = one;
    for (const thumb of this.row.children) thumb.setAttribute("aria-pressed", thumb.dataset.id === one?.id);
    this.actions.hidden = !one;
    if (!one) return;
    const name = element("input", "", { type: "text", value: one.name });
    name.setAttribute("aria-label", "name of the favourite");
    name.addEventListener("change", () => trying(() => this.rename(one, name.value)));
    const around = button("explore around it", () => this.explore({ favourite: one.id }));
    around.hidden = one.space === "w";
    this.actions.replaceChildren(name, button("into the loop", () => this.add(one)), around, button("drop", () => this.drop(one)));
  }

  async keep() {
    const kept = await api("POST", "/api/favourites", { session: this.session });
    this.show([...this.all, kept]);
  }

  async rename(one, name) {
    const renamed = await api("PATCH", `/api/favourites/${one.id}`, { name });
    this.show(this.all.map((other) => (other.id === one.id ? renamed : other)));
  }

  async drop(one) {
    await api("DELETE", `/api/favourites/${one.id}`);
    this.show(this.all.filter((other) => other.id !== one.id));
  }

  async add(one) {
    await this.loop([...this.keyframes(), { favourite: one.id }], one.space === "w");
  }

  async loopThrough(all) {
    await this.loop(all.map((one) => ({ favourite: one.id })), all.some((one) => one.space === "w"));
  }
}
