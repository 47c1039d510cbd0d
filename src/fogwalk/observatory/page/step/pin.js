// A weight that is pinned stays in sight above the stations, and each station says what it did there.

import { make } from "../make.js";
import { number } from "../words.js";
import { pair, put, signed, signedBars, visible } from "./drawings.js";

/** layers.0.weight[3,1] -> {name, at}; null for what is none. */
export function weightOf(written) {
  const found = /^([\w.]+)\[(\d+(?:,\d+)*)?\]$/.exec(written ?? "");
  return found ? { name: found[1], at: found[2] ?? "" } : null;
}

export const written = (name, at) => `${name}[${[at].flat().join(",")}]`;

/** The strip above the stations; `told` is the weight as the server tells it. */
export function strip(told, station, found, { unpin, next }) {
  const name = written(told.name, told.at);
  return make("section", { class: "pinned", "aria-label": "the pinned weight" },
    make("p", {}, make("strong", {}, name), told.role ? ` ${told.role}.` : ".", ` It is ${number(told.old)}, its gradient ${signed(told.gradient)}; this step changes it by ${signed(told.change)}.`),
    make("p", { role: "status" }, HERE[station]?.(told, found) ?? ""),
    make("div", { class: "controls" }, next ? make("button", { onclick: next.go }, `go on with it: ${next.title} →`) : null, make("button", { onclick: unpin, title: "Esc does it too" }, "unpin (Esc)")));
}

/** Where none is pinned: one can be picked, to be followed through all stations. */
export function invitation(follow) {
  return make("p", { class: "quiet" }, "New here? ", make("button", { onclick: follow }, "Follow one weight"), " through the six stations: what it did, how it was blamed, and how it moved.");
}

const place = (told, use) => (use.place === null ? "" : ` at place ${use.place}`);

/** What it did at each station, in a sentence. */
const HERE = {
  batch: (told) => `It has not read the batch yet: it is ${number(told.old)}, as the step before left it.`,
  forward(told) {
    if (!told.used) return told.type === "Embedding" ? `In row ${told.row} that token does not stand, so it was not read there.` : "";
    const use = told.uses.reduce((one, other) => (Math.abs(other.product) > Math.abs(one.product) ? other : one));
    if (told.type === "Embedding") return `In row ${told.row} that token stands at ${told.used === 1 ? `place ${use.place}` : `${told.used} places`}: there it was read as it is, ${number(told.old)}.`;
    const more = told.used > 1 ? ` It was at work at ${told.used.toLocaleString("en")} places of this row; this is where it counted most.` : "";
    return `In row ${told.row}${place(told, use)} it was multiplied with ${number(use.read)}: ${put(told.old)} · ${put(use.read)} = ${signed(use.product)}, a part of ${number(use.makes)}.${more}`;
  },
  loss: (told, found) => `The loss, ${number(found.structure.loss.recomputed)}, hangs on it by ${signed(told.gradient)}: so much would the loss change for each 1 that it is larger.`,
  blame: (told) => (told.shares.length ? `Its gradient, ${signed(told.gradient)}, is the sum of what all ${told.records} rows say; the loudest is row ${told.shares[0][0]} with ${signed(told.shares[0][1])}.` : `Its gradient is ${signed(told.gradient)}.`),
  update: (told) => `${told.optimizer} moved it by ${signed(told.change)}: ${pair(told.old, told.new).join(" became ")}.`,
  again: (told) => `Its gradient times its change, ${put(told.gradient)} · ${put(told.change)} = ${signed(told.gradient * told.change)}, is its part of what was promised.`,
};

/** Its gradient as the sum over the batch. */
export function shares(told, pick) {
  if (!told.shares.length) return make("p", { class: "quiet" }, "Which row says what of this weight is not told for this kind of layer.");
  const rows = told.shares.map(([record, value]) => ({ name: `row ${record}`, value, open: () => pick(record), picked: record === told.row }));
  const others = told.records - told.shares.length;
  if (others > 0) rows.push({ name: `the other ${others}`, value: told.rest });
  rows.push({ name: "sum = gradient", value: told.gradient });
  return signedBars(rows, `what each row says of ${written(told.name, told.at)}`);
}

/** The chain rule in the picked row: the blame of what it makes, times what it met. */
export function chain(told, tokens) {
  if (!told.blamed.length) return null;
  return make("div", {}, make("p", { class: "quiet" }, `In row ${told.row}: δ, the blame of what it makes, times the number it met. That is the row's share${told.used > told.blamed.length ? `; the ${told.blamed.length} largest of ${told.used.toLocaleString("en")} places` : ""}.`),
    signedBars(told.blamed.map((use) => ({ name: named(told, use, tokens), value: use.blame * use.read, note: `${put(use.blame)} · ${put(use.read)} =` })), "blame times what it met"));
}

const named = (told, use, tokens) => (use.place === null ? `row ${told.row}` : `place ${use.place}${tokens?.[use.place] ? ` ${visible(tokens[use.place])}` : ""}`);

/** Where it was at work in the picked row. */
export function uses(told, tokens) {
  if (!told.uses.length) return null;
  return signedBars(told.uses.map((use) => ({ name: named(told, use, tokens), value: use.product, note: `${put(told.old)} · ${put(use.read)} =` })), "weight times what it met");
}
