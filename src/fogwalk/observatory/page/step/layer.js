// One layer opened, at the Forward and the Blame station: its words, its formula with the numbers of one entry, and its values.

import { make } from "../make.js";
import { number } from "../words.js";
import { histogram, toldLines } from "./drawings.js";
import { explained } from "./say.js";

const FIELDS = { time: "place", patch: "place", width: "unit", head: "head", outputs: "unit" };

/** Forward: what it made. Backward: what it passes back. */
export function layer(step, way) {
  const place = make("section", { class: "opened", "aria-live": "polite" });
  let turn = 0;
  async function show() {
    const asked = step.opened(way), mine = ++turn;
    if (asked && !place.childElementCount) place.setAttribute("aria-busy", "true");
    const parts = asked ? await parted(asked) : [];
    if (mine !== turn) return; // another one was picked meanwhile
    place.replaceChildren(...parts);
    place.removeAttribute("aria-busy");
  }
  async function parted(asked) {
    try {
      const told = await step.ask("layer", { at: asked, row: step.row, ...pinnedPlace(step, asked, way), ...step.where });
      return await drawn(step, told, way, show);
    } catch (error) {
      const back = () => { step.pickLayer(step.opened(way)); show(); };
      return [make("p", { class: "trouble" }, error.message), make("button", { onclick: back }, "back to its largest number")];
    }
  }
  show();
  return { place, show };
}

/** Where the pinned weight, if it is one of this layer, counted most in the row, or was blamed most; nothing else. */
function pinnedPlace({ pinned }, path, way) {
  if (pinned?.path !== path) return {};
  const [uses, by] = way === "blame" ? [pinned.blamed, (use) => use.blame * use.read] : [pinned.uses, (use) => use.product];
  const most = uses.reduce((one, other) => (one && Math.abs(by(one)) >= Math.abs(by(other)) ? one : other), null);
  return most && most.place !== null ? { place: most.place } : {};
}

async function drawn(step, told, way, show) {
  const back = way === "blame", lines = back ? told.backward : told.forward;
  const name = `${back ? "blame" : "value"}/${told.name}.output`;
  const counts = await step.ask("histogram", { name, bins: 40 }).catch(() => null);
  const title = back ? `blame of what ${told.name} makes` : `what ${told.name} makes, over the whole batch`;
  const whole = step.pinned?.path === told.name
    ? "The whole unit that the pinned weight belongs to; where one input stands for all, it is the one that counts most here." : null;
  const none = "No more is told of this one by itself: look at the layers within it.";
  return [
    make("h2", {}, `${told.name} (${told.type})`),
    explained(step.say, {
      plain: [back ? told.plain_back : told.plain, back ? null : sentence(told)],
      maths: [told.formula, ...(back ? told.chain.split("    ") : [])],
      code: told.code,
    }),
    make("div", { class: "controls" }, fields(step, told, show)),
    whole ? make("p", { class: "quiet" }, whole) : null,
    lines.length ? toldLines(lines) : make("p", { class: "quiet" }, none),
    counts ? histogram(counts, title) : null,
    make("details", {}, make("summary", {}, "as fogwalk explain tells it"), make("pre", { tabindex: "0" }, told.text)),
  ].filter(Boolean);
}

/** Which number of a layer's is told, in words. */
export function sentence(told) {
  const named = told.axes.map((axis, each) => `${FIELDS[axis] ?? axis} ${told.at[each]}`).slice(1).join(", ");
  const what = told.said ? `, which stands for ${told.said}` : "";
  return `Here, at ${named || "its one number"}${what}, it made ${number(told.result)} out of what came in.`;
}

/** Which entry is looked at: one field for each axis after the record. */
function fields(step, told, show) {
  const { axes, at, shape } = told, last = axes.length - 1;
  const kind = (axis, each) => (axis === "head" ? "head" : each === last ? "unit" : "place");
  const wanted = axes[1] === "channel"
    ? [["unit", "channel", at[1], shape[1]], ["place", "place", at[2] * shape[3] + at[3], shape[2] * shape[3]]]
    : axes.map((axis, each) => [kind(axis, each), kind(axis, each), at[each], shape[each]]).slice(1);
  const pick = (name) => (event) => {
    step.pickWhere({ [name]: event.target.value });
    show();
  };
  return wanted.map(([name, words, value, size]) => make("label", {}, `${words} `,
    make("input", { type: "number", name, min: 0, max: size - 1, value, onchange: pick(name) }),
    make("small", {}, ` of ${size.toLocaleString("en")}`)));
}
