// One layer opened, at the Forward and the Blame station: its words, its formula with the numbers of one entry, and its values.

import { make } from "../make.js";
import { number } from "../words.js";
import { histogram, toldLines } from "./drawings.js";
import { explained } from "./say.js";

const FIELDS = { time: "place", patch: "place", row: "place", width: "unit", channel: "unit", head: "head", outputs: "unit" };

/** Forward: what it made. Backward: what it passes back. */
export function layer(step, way) {
  const place = make("section", { class: "opened", "aria-live": "polite" });
  async function show() {
    const asked = step.opened(way);
    if (!asked) return place.replaceChildren();
    try {
      const told = await step.ask("layer", { at: asked, row: step.row, ...step.where });
      if (asked === step.opened(way)) place.replaceChildren(...await drawn(step, told, way, show));
    } catch (error) {
      place.replaceChildren(make("p", { class: "trouble" }, error.message), make("button", { onclick: () => { step.pickLayer(step.opened(way)); show(); } }, "back to its largest number"));
    }
  }
  show();
  return { place, show };
}

async function drawn(step, told, way, show) {
  const back = way === "blame", lines = back ? told.backward : told.forward;
  const counts = await step.ask("histogram", { name: `${back ? "blame" : "value"}/${told.name}.output`, bins: 40 }).catch(() => null);
  const what = told.said ? `, which stands for ${told.said}` : "";
  return [
    make("h2", {}, `${told.name} (${told.type})`),
    explained(step.say, {
      plain: [back ? told.plain_back : told.plain, sentence(told, back, what)],
      maths: [told.formula, ...(back ? told.chain.split("    ") : [])],
      code: told.code,
    }),
    make("div", { class: "controls" }, fields(step, told, show)),
    lines.length ? toldLines(lines) : make("p", { class: "quiet" }, "No more is told of this one by itself: look at the layers within it."),
    counts ? histogram(counts, back ? `blame of what ${told.name} makes` : `what ${told.name} makes, over the whole batch`) : null,
    make("details", {}, make("summary", {}, "as fogwalk explain tells it"), make("pre", { tabindex: "0" }, told.text)),
  ].filter(Boolean);
}

function sentence(told, back, what) {
  const named = told.axes.map((axis, each) => `${FIELDS[axis] ?? axis} ${told.at[each]}`).slice(1).join(", ");
  return back ? null : `Here, at ${named || "its one number"}${what}, it made ${number(told.result)} out of what came in.`;
}

/** Which entry is looked at: one field for each axis after the record. */
function fields(step, told, show) {
  const image = told.axes[1] === "channel";
  const wanted = image ? [["unit", told.at[1], told.shape[1]], ["place", told.at[2] * told.shape[3] + told.at[3], told.shape[2] * told.shape[3]]]
    : told.axes.map((axis, each) => [axis === "head" ? "head" : each === told.axes.length - 1 ? "unit" : "place", told.at[each], told.shape[each]]).slice(1);
  return wanted.map(([name, at, size]) => make("label", {}, `${name} `, make("input", { type: "number", name, min: 0, max: size - 1, value: at, onchange: (event) => { step.pickWhere({ [name]: event.target.value }); show(); } }), make("small", {}, ` of ${size.toLocaleString("en")}`)));
}
