// What is about to be closed: out of sight already, and there until its time to be undone is over.

export class Leaving {
  #ends = new Map(); // by name: closes it now, and is done when it is closed

  get names() { return new Set(this.#ends.keys()); }

  has(name) { return this.#ends.has(name); }

  add(names, finish) { for (const name of names) this.#ends.set(name, finish); }

  drop(names) { for (const name of names) this.#ends.delete(name); }

  // Who takes its name meets nothing of it: what was to be closed is closed first.
  async over(name) { await this.#ends.get(name)?.(); }
}
