// One number of the network in a copy: put it to another value and see what the answer and the loss would be. The run keeps
// its own.

import { make } from "../make.js";
import { number } from "../words.js";

/** The run's own value of an entry in a frame; undefined where the network has no such entry. */
export const valueOf = ({ parameters, held }, { name, at }) =>
  Object.hasOwn(parameters, name) ? at.reduce((value, place) => value?.[place], parameters[name].weight) : (held ?? undefined);

/** `held` is {name, at}, `own` its value in the run; `tried(value)` asks for the network with it, null for its own;
    `open()` goes to the step's entry. */
export function sandbox(held, own, tried, open, close) {
  const reach = Math.max(3, Math.ceil(2 * Math.abs(own)));
  const slider = make("input", {
    type: "range",
    min: -reach,
    max: reach,
    step: "any",
    value: own,
    "aria-label": "its value",
    oninput: () => to(Number(slider.value)),
  });
  const field = make("input", {
    type: "number",
    step: "any",
    value: own.toPrecision(4),
    "aria-label": "its value as a number",
    onchange: () => to(Number(field.value)),
  });
  const told = make("p", { role: "status" });
  const entry = `${held.name}[${held.at.join(", ")}]`;
  const place = make(
    "section",
    { class: "sandbox", "aria-label": `try another ${entry}` },
    make("h2", {}, `What if ${entry} were another?`),
    make(
      "div",
      { class: "controls" },
      slider,
      field,
      make(
        "button",
        {
          onclick: () => {
            slider.value = own;
            field.value = own.toPrecision(4);
            to(null);
          },
        },
        "its own again",
      ),
      make("button", { onclick: open }, "how it came to be"),
      make("button", { onclick: close }, "let go (Esc)"),
    ),
    told,
  );

  function to(value) {
    if (value !== null && !Number.isFinite(value)) return;
    if (value !== null) {
      slider.value = value;
      field.value = Number(value.toPrecision(4));
    }
    tried(value);
  }
  /** Say what a frame with the value `value` is beside the run's own. */
  function say(own, now, value) {
    const part = ({ validation: scored }) => {
      if (!scored) return "no held-back rows are scored";
      const right = scored.accuracy === undefined ? "" : `, ${(scored.accuracy * 100).toFixed(1)} % right`;
      return `loss of the held-back rows ${number(scored.loss)}${right}`;
    };
    told.textContent =
      value === null
        ? `It is ${number(valueOf(own, held))}: ${part(own)}.`
        : `With ${number(value)}: ${part(now)}. With its own: ${part(own)}. Only a copy is changed.`;
  }
  return { place, say };
}
