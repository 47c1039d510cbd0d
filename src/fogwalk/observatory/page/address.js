// Where a person is: run, screen and what is picked on it, all of it in the address, so that any address opens the same again.

let kept = null; // what could not be written there: a page that was opened as a file inside another program may not

/** The picks of the address as an object. */
export function picks() {
  return Object.fromEntries(new URLSearchParams(kept ?? location.search));
}

/** The address with some picks changed; what is null or empty is left out. */
export function addressWith(changes, base = picks()) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...base, ...changes })) {
    if (value !== null && value !== undefined && value !== "") found.set(name, value);
  }
  const words = found.toString();
  return words ? `?${words}` : location.pathname;
}

/** Go there, or only write it down where the screen has drawn it already: in the place of this one, or as one to come `back` to. */
export function go(changes, { base, quietly = false, back = false } = {}) {
  write(addressWith(changes, base), quietly && !back);
  if (!quietly) dispatchEvent(new PopStateEvent("popstate"));
}

const been = new Map(); // by screen and run: the address that one left it at

/** The address of a screen as one left it, or as it begins. */
export const leftAt = (view, run) => been.get(`${view} ${run}`) ?? addressWith({ view, run }, {});

/** Write an address of this page down, as one to come back to, or in the place of the last. */
export function write(address, quietly = false) {
  const { view, run } = picks();
  been.set(`${view} ${run}`, addressWith({}));
  try {
    history[quietly ? "replaceState" : "pushState"](null, "", address);
  } catch {
    kept = address.includes("?") ? address.slice(address.indexOf("?")) : "";
  }
}
