// An endless plane of pictures around a place: drag it or use the arrow keys, and click what should be the centre.

import { api, button, element, labelled, newestOnly, trying } from "./base.js";
import { tiles } from "./socket.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const A_CLICK = 6; // so many pixels a hand may tremble

export class Explorer {
  constructor(place, session, go) {
    Object.assign(this, { session, path: `/api/sessions/${session}/grid`, grid: null, made: new Map(), under: null, turn: 0 });
    this.plane = element("div", "", { className: "plane", role: "group", tabIndex: 0 });
    this.plane.setAttribute("aria-label", "pictures around the centre; arrow keys pan, a click makes one the centre");
    this.back = button("back", () => this.look({ back: true }));
    this.forward = button("forward", () => this.look({ forward: true }));
    const head = element("div", "", { className: "row" });
    const walkHere = button("walk here", () => go(this.grid.centre), { title: "the centre of these pictures becomes the walk's" });
    head.append(this.back, this.forward, button("elsewhere", () => this.elsewhere()), walkHere, this.distance());
    place.replaceChildren(head, this.plane);
    this.pan = newestOnly(() => this.look({ row: this.grid.row, column: this.grid.column }));
    this.plane.addEventListener("keydown", (event) => this.key(event));
    this.plane.addEventListener("pointerdown", (event) => this.drag(event));
  }

  distance() {
    const field = element("input", "", { type: "range", min: 0.02, max: 1, step: 0.01 });
    const { label, shown } = labelled("how far apart", field);
    const offer = newestOnly(() => this.look({ distance: Number(field.value) }));
    field.addEventListener("input", () => { shown.textContent = field.value; offer(); });
    this.showDistance = (distance) => {
      if (!field.matches(":active")) field.value = distance;
      shown.textContent = String(Math.round(distance * 100) / 100);
    };
    return label;
  }

  // Nobody looks any more: what is not made yet is not made at all.
  close() {
    this.under?.cancel();
    this.under = null;
  }

  elsewhere() {
    return this.look({ centre: Math.floor(Math.random() * 1e6), row: 0, column: 0 });
  }

  async look(patch) {
    const turn = (this.turn += 1);
    const told = patch ? await api("PATCH", this.path, patch) : await api("GET", this.path);
    if (turn !== this.turn) return; // somebody has gone on meanwhile
    this.back.disabled = told.back === 0;
    this.forward.disabled = told.forward === 0;
    this.showDistance(told.grid.distance);
    this.show(told.grid);
    this.stream();
  }

  // The tiles where they belong; those that stay keep their pictures until new ones come.
  show(grid) {
    const same = this.grid && ["centre", "distance", "seed"].every((name) => JSON.stringify(this.grid[name]) === JSON.stringify(grid[name]));
    this.grid = grid;
    const before = this.made;
    this.made = new Map();
    for (let down = 0; down < grid.rows; down += 1) {
      for (let right = 0; right < grid.columns; right += 1) {
        const [row, column] = [grid.row - ((grid.rows - 1) >> 1) + down, grid.column - ((grid.columns - 1) >> 1) + right];
        const tile = (same && before.get(`${row},${column}`)) || this.tile(row, column);
        this.made.set(`${row},${column}`, tile);
      }
    }
    this.plane.style.setProperty("--columns", grid.columns);
    arrange(this.plane, [...this.made.values()]);
  }

  tile(row, column) {
    const tile = element("button", "", { type: "button", className: row === 0 && column === 0 ? "tile centre" : "tile" });
    tile.setAttribute("aria-label", row === 0 && column === 0 ? "the centre" : `make ${row}, ${column} the centre`);
    tile.addEventListener("click", (event) => {
      if (!this.dragged || event.detail === 0) trying(() => this.look({ to: [row, column] }));
    });
    return tile;
  }

  stream() {
    this.close();
    const width = Math.ceil(this.plane.clientWidth / this.grid.columns * Math.min(devicePixelRatio, 2)) || 96;
    const under = tiles(this.session, Math.min(width, 256), (output) => {
      if (this.under === under) this.picture(output);
    });
    this.under = under;
    trying(() => under.ended);
  }

  picture({ outputs, bytes }) {
    const tile = this.made.get(`${outputs.row},${outputs.column}`);
    if (!tile) return;
    const image = tile.firstElementChild ?? tile.appendChild(element("img", "", { alt: "", draggable: false }));
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
  }

  // --- panning -----------------------------------------------------------------------------------

  move(down, right) {
    this.turn += 1;
    this.show({ ...this.grid, row: this.grid.row + down, column: this.grid.column + right });
    this.pan();
  }

  key(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    this.move(...step);
  }

  drag(event) {
    if (event.button !== 0) return;
    this.dragged = false;
    const from = { x: event.clientX, y: event.clientY };
    const moved = ({ clientX, clientY }) => this.dragTo(from, clientX - from.x, clientY - from.y);
    const released = () => {
      removeEventListener("pointermove", moved);
      this.plane.style.translate = "";
      this.plane.classList.remove("moving");
    };
    addEventListener("pointermove", moved);
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, released, { once: true });
  }

  // Whole tiles are panned, the rest only shows.
  dragTo(from, x, y) {
    if (Math.hypot(x, y) < A_CLICK && !this.dragged) return;
    this.dragged = true;
    this.plane.classList.add("moving");
    const [wide, high] = [this.plane.clientWidth / this.grid.columns, this.plane.clientHeight / this.grid.rows];
    const [right, down] = [Math.round(x / wide), Math.round(y / high)];
    from.x += right * wide;
    from.y += down * high;
    if (right || down) this.move(-down, -right);
    this.plane.style.translate = `${x - right * wide}px ${y - down * high}px`;
  }
}

// Only what changed is touched, so the one with the focus keeps it.
function arrange(place, wanted) {
  const stay = new Set(wanted);
  for (const child of [...place.children]) {
    if (stay.has(child)) continue;
    for (const image of child.children) URL.revokeObjectURL(image.src);
    child.remove();
  }
  wanted.forEach((child, index) => {
    if (place.children[index] !== child) place.insertBefore(child, place.children[index] ?? null);
  });
}
