// A plane of tiles without edges. Drag it, zoom it, and tiles that come into view are asked for; those that go out of
// it are asked for no longer.

import { api, at } from "../core/api.js";
import { tiles } from "../core/socket.js";
import { tell } from "../core/toasts.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const A_CLICK = 6; // so many pixels a hand may tremble
const [SMALLEST, LARGEST] = [56, 320]; // pixels of a tile's longer side
const WIDTHS = [64, 96, 128, 192, 256]; // pixels that are asked for: few, so that kept pictures are found again
const MOST = 400; // tiles at once
const SETTLE_MS = 90; // between two looks while it is dragged
const ECHO_MS = 5000; // for so long the bridge may take to tell everybody what was asked for here

export class Plane {
  // `hears(grid, back, forward)` whenever something else is looked at.
  constructor(place, session, hears) {
    Object.assign(this, { place, session, hears, made: new Map(), generation: 0, under: null, size: 0, aspect: 1, row: 0, column: 0, grid: null, timer: 0, pointers: new Map(), asked: "", echoes: [], aim: null, closed: false, listening: new AbortController(), changing: 0, changes: Promise.resolve() });
    this.sheet = document.createElement("div");
    this.sheet.className = "sheet";
    place.append(this.sheet);
    this.watcher = new ResizeObserver(() => this.fit());
    this.watcher.observe(place);
    const { signal } = this.listening;
    const on = (name, work, options) => place.addEventListener(name, (event) => work.call(this, event), { signal, ...options });
    on("keydown", this.key);
    on("pointerdown", this.down);
    on("pointermove", this.move);
    for (const name of ["pointerup", "pointercancel"]) on(name, this.up);
    on("wheel", this.wheel, { passive: false });
  }

  // Idempotent. What is still on its way finds nothing to do.
  close() {
    this.closed = true;
    this.listening.abort();
    this.watcher.disconnect();
    clearTimeout(this.timer);
    cancelAnimationFrame(this.gliding);
    this.under?.cancel();
    this.under = null;
    for (const [key, tile] of this.made) this.drop(key, tile);
    this.sheet.remove();
  }

  // A tile in pixels.
  get wide() { return this.size * Math.min(1, this.aspect); }

  get high() { return this.size / Math.max(1, this.aspect); }

  // What is looked at, as the bridge tells everybody: after a change of our own, or of somebody else at the same session.
  // What was asked for here is no news, however late it is told: else the view would go back to where it came from.
  told({ grid, back, forward }) {
    if (this.closed) return;
    const first = !this.grid; // told before the answer to the first question; what that one brings is of this place
    const same = first || ["centre", "distance", "seed"].every((name) => JSON.stringify(this.grid[name]) === JSON.stringify(grid[name]));
    const ours = this.echoed(spanOf(grid)) || this.asked === spanOf(grid);
    this.grid = grid;
    if (!same && !this.changing) { // somebody else has gone elsewhere
      this.generation += 1;
      this.age();
      this.ask();
    } else if (!ours && !this.changing && !this.pointers.size) {
      Object.assign(this, { row: grid.row, column: grid.column });
      this.layout();
      this.ask();
    }
    this.hears(grid, back, forward);
  }

  echoed(span) {
    this.echoes = this.echoes.filter(({ since }) => performance.now() - since < ECHO_MS);
    const found = this.echoes.findIndex((echo) => echo.span === span);
    if (found >= 0) this.echoes.splice(found, 1);
    return found >= 0;
  }

  // --- asking ------------------------------------------------------------------------------------

  // To another centre, back, forward, another distance: what is shown now is of before, until new pictures come.
  // Each is carried out, in this order, however fast they follow each other.
  look(set) {
    if (this.closed) return this.changes;
    this.generation += 1;
    this.under?.cancel();
    if (set.to) this.shift(...set.to);
    if ("centre" in set || "back" in set || "forward" in set) Object.assign(this, { row: 0, column: 0 });
    this.age(set.to ? "0,0" : "");
    this.changing += 1;
    this.layout();
    this.changes = this.changes.then(() => api("PATCH", at`/api/sessions/${this.session}/grid`, set)).then((told) => this.changed(told), (error) => { tell(error); this.changed(null); });
    return this.changes;
  }

  changed(told) {
    this.changing -= 1;
    if (this.closed) return;
    if (told) this.known(told);
    this.ask();
  }

  known({ grid, back, forward }) {
    this.grid = grid;
    this.hears(grid, back, forward);
  }

  // What is in view now, if that was not asked for yet.
  ask() {
    if (this.closed || !this.size || this.changing) return;
    const span = this.span();
    if (this.asked === spanOf(span) && this.askedFor === this.generation && this.askedWidth === this.width()) return;
    this.stream(span);
  }

  // The connection is back: what was under way is not coming any more.
  again() {
    this.asked = "";
    this.ask();
  }

  stream(set) {
    this.under?.cancel();
    const generation = this.generation;
    Object.assign(this, { asked: spanOf(set), askedFor: generation, askedWidth: this.width() });
    this.echoes.push({ span: this.asked, since: performance.now() });
    const under = tiles(this.session, set, this.width(), (output) => {
      if (this.under === under && generation === this.generation) this.picture(output);
    });
    this.under = under;
    under.ended.then((done) => { if (done?.grid && this.under === under) this.known(done); }, (error) => {
      if (this.under === under) this.asked = "";
      if (error.code !== "cancelled" && !this.closed) tell(error);
    });
  }

  later() {
    if (this.closed || this.timer) return;
    this.timer = setTimeout(() => { this.timer = 0; this.ask(); }, SETTLE_MS);
  }

  width() {
    const wanted = this.wide * Math.min(devicePixelRatio, 2);
    return WIDTHS.find((width) => width >= wanted * 0.8) ?? WIDTHS.at(-1);
  }

  span() {
    const odd = (length, side) => { const count = Math.ceil(length / side) + 1; return count % 2 ? count : count + 1; };
    let [rows, columns] = [odd(this.place.clientHeight, this.high), odd(this.place.clientWidth, this.wide)];
    while (rows * columns > MOST) { rows = Math.max(1, rows - 2); columns = Math.max(1, columns - 2); }
    return { rows, columns, row: Math.round(this.row), column: Math.round(this.column) };
  }

  // --- showing -----------------------------------------------------------------------------------

  fit() {
    if (!this.place.clientWidth) return;
    if (!this.size) this.size = Math.max(SMALLEST, Math.min(LARGEST, this.place.clientWidth / (this.place.clientWidth < 500 ? 3.4 : 5.4)));
    this.layout();
    this.ask();
  }

  layout() {
    if (!this.size) return;
    const { rows, columns, row, column } = this.span();
    const seen = new Set();
    for (let down = -(rows >> 1); down <= rows >> 1; down += 1) {
      for (let right = -(columns >> 1); right <= columns >> 1; right += 1) {
        const key = `${row + down},${column + right}`;
        seen.add(key);
        if (!this.made.has(key)) this.make(row + down, column + right, key);
      }
    }
    for (const [key, tile] of this.made) if (!seen.has(key)) this.drop(key, tile);
    this.sheet.style.setProperty("--wide", `${this.wide}px`);
    this.sheet.style.setProperty("--high", `${this.high}px`);
    this.sheet.style.transform = `translate(${this.place.clientWidth / 2 - (this.column + 0.5) * this.wide}px, ${this.place.clientHeight / 2 - (this.row + 0.5) * this.high}px)`;
  }

  make(row, column, key) {
    const tile = { row, column, url: "", generation: -1, element: document.createElement("button") };
    Object.assign(tile.element, { type: "button", className: "tile", tabIndex: -1 });
    this.put(tile, row, column);
    tile.element.addEventListener("click", (event) => { if (!this.dragged || event.detail === 0) this.pick(tile); });
    this.made.set(key, tile);
    this.sheet.append(tile.element);
  }

  put(tile, row, column) {
    Object.assign(tile, { row, column });
    const middle = row === 0 && column === 0;
    tile.element.style.setProperty("--row", row);
    tile.element.style.setProperty("--column", column);
    tile.element.classList.toggle("centre", middle);
    tile.element.setAttribute("aria-label", middle ? "the centre" : `make ${row}, ${column} the centre`);
  }

  drop(key, tile) {
    URL.revokeObjectURL(tile.url);
    tile.element.remove();
    this.made.delete(key);
  }

  // All pictures are those of before, but for one.
  age(but = "") {
    for (const [key, tile] of this.made) tile.element.classList.toggle("old", key !== but);
  }

  // That tile becomes 0, 0 and all others move with it.
  shift(down, right) {
    const moved = [...this.made.values()];
    this.made = new Map();
    for (const tile of moved) {
      this.put(tile, tile.row - down, tile.column - right);
      this.made.set(`${tile.row},${tile.column}`, tile);
    }
    Object.assign(this, { row: this.row - down, column: this.column - right });
    this.glide(0, 0);
  }

  // There in a few steps, if motion is welcome.
  glide(row, column) {
    if (this.closed) return undefined;
    cancelAnimationFrame(this.gliding);
    this.aim = { row, column };
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      Object.assign(this, { row, column, aim: null });
      this.layout();
      return this.later();
    }
    const from = { row: this.row, column: this.column };
    const begun = performance.now();
    const step = (now) => {
      const part = Math.min(1, Math.max(0, (now - begun) / 260));
      const eased = 1 - (1 - part) ** 3;
      Object.assign(this, { row: from.row + (row - from.row) * eased, column: from.column + (column - from.column) * eased });
      this.layout();
      this.later();
      if (part < 1) this.gliding = requestAnimationFrame(step);
      else this.aim = null;
    };
    this.gliding = requestAnimationFrame(step);
    return undefined;
  }

  picture({ outputs, bytes }) {
    const tile = this.made.get(`${outputs.row},${outputs.column}`);
    if (!tile) return;
    const image = tile.element.firstElementChild ?? tile.element.appendChild(this.frame());
    const before = tile.url;
    tile.url = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    image.src = tile.url;
    if (before) image.decode().catch(() => {}).then(() => URL.revokeObjectURL(before));
    tile.element.classList.remove("old");
  }

  frame() {
    const image = Object.assign(document.createElement("img"), { alt: "", draggable: false });
    image.addEventListener("load", () => this.shaped(image.naturalWidth / image.naturalHeight));
    return image;
  }

  // One picture tells the shape of all, give or take what small ones are rounded by.
  shaped(aspect) {
    if (this.closed || !(Math.abs(aspect / this.aspect - 1) > 0.05)) return;
    this.aspect = aspect;
    this.layout();
    this.later();
  }

  pick(tile) {
    if (tile.row === 0 && tile.column === 0) return;
    this.look({ to: [tile.row, tile.column] });
  }

  // --- hands -------------------------------------------------------------------------------------

  pan(down, right) {
    cancelAnimationFrame(this.gliding);
    this.aim = null;
    this.row += down;
    this.column += right;
    this.layout();
    this.later();
  }

  zoom(factor, x = this.place.clientWidth / 2, y = this.place.clientHeight / 2) {
    const size = Math.max(SMALLEST, Math.min(LARGEST, this.size * factor));
    const [right, down] = [x - this.place.clientWidth / 2, y - this.place.clientHeight / 2];
    const part = 1 - this.size / size; // what is under the pointer stays there
    this.column += (right / this.wide) * part;
    this.row += (down / this.high) * part;
    this.size = size;
    this.layout();
    this.later();
  }

  key(event) {
    const step = STEPS[event.key];
    const from = this.aim ?? { row: Math.round(this.row), column: Math.round(this.column) };
    if (step) this.glide(from.row + step[0], from.column + step[1]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.2);
    else if (event.key === "-") this.zoom(1 / 1.2);
    else if (event.key === "Enter" && event.target === this.place) this.pick({ row: Math.round(this.row), column: Math.round(this.column) });
    else return;
    event.preventDefault();
  }

  down(event) {
    if (event.button !== 0) return;
    if (!this.pointers.size) this.dragged = false;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  move(event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const [x, y] = [event.clientX - last.x, event.clientY - last.y];
    if (!this.dragged && Math.hypot(x, y) < A_CLICK) return;
    if (!this.dragged) { this.dragged = true; this.place.classList.add("moving"); this.place.setPointerCapture(event.pointerId); }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    if (others.length) {
      const box = this.place.getBoundingClientRect();
      const apart = (place) => Math.hypot(place.x - others[0].x, place.y - others[0].y);
      this.zoom(apart({ x: event.clientX, y: event.clientY }) / Math.max(1, apart(last)), (event.clientX + others[0].x) / 2 - box.left, (event.clientY + others[0].y) / 2 - box.top);
    } else this.pan(-y / this.high, -x / this.wide);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.place.classList.remove("moving");
    if (this.dragged) this.later();
  }

  wheel(event) {
    event.preventDefault();
    const box = this.place.getBoundingClientRect();
    this.zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }
}

const spanOf = ({ rows, columns, row, column }) => `${rows}×${columns} at ${row},${column}`;
