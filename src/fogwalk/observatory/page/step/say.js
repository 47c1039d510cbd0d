// One switch for every explanation: in plain words, as a formula with its numbers, or as the lines of PyTorch that do it.

import { go } from "../address.js";
import { make } from "../make.js";

const WAYS = { plain: "plain", maths: "maths", code: "code" };
const KEPT = "fogwalk.say";

/** Which way is picked: by the address, else as it was last on this tab. */
export function way(picks) {
  let kept = null;
  try { kept = sessionStorage.getItem(KEPT); } catch { /* a browser that keeps nothing */ }
  return [picks.say, kept].find((one) => one in WAYS) ?? "plain";
}

/** The switch; `changed` draws anew. */
export function saySwitch(picked, changed) {
  const button = ([name, words]) => make("button", { "aria-pressed": String(name === picked), onclick: () => pick(name) }, words);
  const buttons = Object.entries(WAYS).map(button);
  function pick(name) {
    try { sessionStorage.setItem(KEPT, name); } catch { /* then the address alone holds it */ }
    go({ say: name }, { quietly: true });
    buttons.forEach((button, each) => button.setAttribute("aria-pressed", String(Object.keys(WAYS)[each] === name)));
    changed(name);
  }
  return make("div", { role: "group", class: "say", "aria-label": "how things are explained" }, "explained in ", buttons);
}

/** What is explained in the way that is picked: `plain` and `maths` are sentences or lists of them, `code` is text. */
export function explained(say, { plain, maths, code, title = null }) {
  const lines = (told) => [told].flat().filter(Boolean);
  const inside = say === "code" ? [make("pre", { tabindex: "0" }, code || "No code is known for this.")]
    : say === "maths" ? lines(maths || "No formula is known for this.").map((one) => make("p", { class: "formula" }, one))
      : lines(plain || "No words are known for this.").map((one) => make("p", {}, one));
  return make("div", { class: `said ${say}` }, title ? make("h2", {}, title) : null, inside);
}

const RETOLD = new WeakMap(); // what tells a place anew

/** The switch of a screen that explains at several places. `telling` gives a place for what its function tells, which is told
    anew when the switch is turned, or when it is called `again`. */
export function saying(picks) {
  let say = way(picks);
  const places = new Set(); // weakly held: one may be made before it is on the screen, and be gone from it later
  const place = saySwitch(say, (now) => {
    say = now;
    for (const one of places) if (one.deref()) RETOLD.get(one.deref())(); else places.delete(one);
  });
  function telling(told) {
    const place = make("div", { class: "telling" }), again = () => place.replaceChildren(explained(say, told()));
    RETOLD.set(place, again);
    places.add(new WeakRef(place));
    again();
    return { place, again };
  }
  return { place, telling };
}
