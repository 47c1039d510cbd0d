// Which step is looked at: its number, one back, one on; and the step itself, which is made again meanwhile.

import { go } from "./address.js";
import { make } from "./make.js";
import { held } from "./recorded.js";
import { ask, run as at } from "./server.js";

/** A field for a whole number that is kept in the address. */
export const whole = (name, value, least, most = null) =>
  make("input", { type: "number", name, min: least, max: most, value, "aria-label": name, onchange: (event) => go({ [name]: event.target.value }) });

/** The controls of a step; `most` is the last there is, where none can come after it. */
export function stepper(step, most = null) {
  return [
    make("label", {}, "step ", whole("step", step, 1, most)),
    make("button", { onclick: () => go({ step: held(Math.max(1, step - 1), step) }) }, "one back"),
    make("button", { onclick: () => go({ step: held(Math.min(most ?? Infinity, step + 1), step) }) }, "one on"),
  ];
}

/** The step as the server tells it; `told` says so until then, and is empty where it cannot be told. */
export async function madeAgain(name, step, told, query = {}) {
  told.replaceChildren(make("p", { class: "quiet", role: "status" }, "The step is made again …"));
  try {
    return await ask(`${at(name)}/steps/${step}`, query);
  } catch (error) {
    told.replaceChildren();
    throw error;
  }
}
