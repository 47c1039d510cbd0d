// A step that is made again to be looked at, and a number of it that stands in the address.

import { go } from "./address.js";
import { make } from "./make.js";
import { ask, run as at } from "./server.js";

/** A field for a whole number that is kept in the address. */
export const whole = (name, value, least, most = null) => make("input", {
  type: "number", name, min: least, max: most, value, "aria-label": name,
  onchange: ({ target }) => (target.checkValidity() ? go({ [name]: target.value }) : target.reportValidity()),
});

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
