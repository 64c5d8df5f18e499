// Work that comes faster than it can be done.

// While one is on its way only the newest of the next ones is kept.
export function newestOnly(work) {
  let busy = false;
  let waiting = null;
  return async function offer(...given) {
    if (busy) { waiting = given; return; }
    busy = true;
    try {
      for (let next = given; next; next = waiting) {
        waiting = null;
        await work(...next);
      }
    } finally { busy = false; }
  };
}
