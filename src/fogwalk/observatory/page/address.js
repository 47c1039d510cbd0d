// Where a person is: run, screen and what is picked on it, all of it in the address, so that any address opens the same again.

/** The picks of the address as an object. */
export function picks() {
  return Object.fromEntries(new URLSearchParams(location.search));
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
  const address = addressWith(changes, base);
  if (quietly) history[back ? "pushState" : "replaceState"](null, "", address);
  else {
    history.pushState(null, "", address);
    dispatchEvent(new PopStateEvent("popstate"));
  }
}
