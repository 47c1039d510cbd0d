// What the three sorts of answers share: a place that says it is waiting or what went wrong, tables with bars, the choice of a record,
// and what `explain` tells.

import { go } from "../address.js";
import { make, table } from "../make.js";
import { ask, run as at } from "../server.js";
import { toldLines, wide } from "../step/drawings.js";
import { sentence } from "../step/layer.js";
import { number, signed } from "../words.js";

/** A place that is filled again and again; of two askings only the later one is drawn, and what fails is said. */
export function filling(waiting) {
  const place = make("div", {});
  let turn = 0;
  return {
    place,
    async fill(asked) {
      const mine = ++turn;
      const wait = setTimeout(() => { if (mine === turn) place.setAttribute("aria-busy", "true"); }, 150);
      if (!place.childElementCount) place.replaceChildren(make("p", { class: "quiet", role: "status" }, waiting));
      try {
        const parts = await asked();
        if (mine === turn) place.replaceChildren(...[parts].flat().filter(Boolean));
        return mine === turn;
      } catch (error) {
        if (mine === turn) place.replaceChildren(make("p", { class: "trouble", role: "alert" }, error.message));
        return false;
      } finally {
        clearTimeout(wait);
        if (mine === turn) place.removeAttribute("aria-busy");
      }
    },
  };
}

/** A table that may be wider than its place. A column whose title begins with # holds numbers and stands to the right; a cell that
    is one already stays as it is, and so does a row. `how` are the table's attributes. */
export function boxed(caption, titles, rows, how = {}) {
  const right = titles.map((title) => (title.startsWith("#") ? "number" : null));
  const head = (title, at) => make(title ? "th" : "td", { scope: title ? "col" : null, class: right[at] }, title.replace("#", ""));
  const cell = (inside, at) => (inside instanceof HTMLTableCellElement ? inside : make("td", { class: right[at] }, inside));
  const row = (cells) => (Array.isArray(cells) ? make("tr", {}, cells.map(cell)) : cells);
  const top = make("thead", {}, make("tr", {}, titles.map(head)));
  return wide(make("table", how, top, make("tbody", {}, rows.map(row))), caption);
}

/** Bars from a middle line: blue to the right adds, orange to the left takes away; the sign stands before the number as well. */
export function signedTable(caption, rows, titles) {
  const most = Math.max(...rows.map((one) => Math.abs(one.value)), 1e-30);
  const bar = (value) => make("span", { class: value < 0 ? "half minus" : "half plus", style: `--share: ${Math.abs(value) / most}` });
  const row = ({ name, value, more = [], total = false }) => make("tr", { class: total ? "total" : null },
    [name, ...more].map((one) => make("td", {}, one)),
    make("td", { class: "track" }, total ? null : bar(value)),
    make("td", { class: "number" }, signed(value)));
  return boxed(caption, titles, rows.map(row), { class: "chances signed" });
}

/** A share from 0 to 1 as a bar in a cell. */
export const track = (share, extra = null) =>
  make("td", { class: "track" }, make("span", { class: "bar", style: `--share: ${share}` }), extra);

/** The classes with their probabilities, the likeliest first; `right` is marked. */
export function classBars(probabilities, right, most = 20) {
  const all = Object.entries(probabilities).sort((one, other) => other[1] - one[1]),
    shown = all.slice(0, most),
    rest = all.slice(most);
  const row = (name, p, more) => [[name, more], track(p), number(p)], sum = rest.reduce((total, [, p]) => total + p, 0);
  const rows = shown.map(([name, p]) => row(name, p, name === right ? make("em", { class: "right" }, " right") : null));
  if (rest.length) rows.push(row(`the other ${rest.length.toLocaleString("en")}`, sum));
  return boxed("the classes and their probabilities", ["class", "", "#probability"], rows, { class: "chances", id: "classes" });
}

/** Another record of those that were held back, by chance or by its number; nothing where there are none. */
export function another(what, { count, held }, pick) {
  if (!count) return [];
  return [
    make("button", { type: "button", onclick: () => pick(Math.floor(Math.random() * count)) }, `Another ${what}`),
    make("label", {}, `${what} `, make("input", {
      type: "number", min: 0, max: count - 1, value: held ?? "",
      "aria-label": `${what} of the validation split, 0 to ${count - 1}`,
      onchange: (event) => pick(event.target.value),
    }), ` of the ${count.toLocaleString("en")} held back`),
  ];
}

/** Which model this is; without a step of its own it is the best kept one, and a press leads back to that. */
export function modelAfter(step, asked, made) {
  const words = `This is the model after step ${step.toLocaleString("en")} of ${Math.max(step, made).toLocaleString("en")}`;
  if (asked === "") return `${words}, its best checkpoint.`;
  return make(
    "span",
    {},
    `${words}. `,
    make("button", { type: "button", onclick: () => go({ step: null }) }, "The best checkpoint"),
  );
}

/** The same as `fogwalk explain` tells it. */
export const asExplain = (text) =>
  make("details", {}, make("summary", {}, "The same as fogwalk explain tells it"), make("pre", { tabindex: "0" }, text));

/** Any entry of how the answer was made, on demand: `look(at, flags, title)` fills the place and writes down what is picked. */
export function entries(name, asked, telling) {
  const place = make("div", { role: "status", class: "entry" });
  async function look(path, flags, title, quietly = true) {
    if (quietly) go({ at: path, unit: null, ...flags }, { quietly: true });
    try {
      const { text, layer } = await ask(`${at(name)}/answer/entry`, { ...asked, at: path, ...flags });
      const raw = make("pre", { tabindex: "0" }, text);
      place.replaceChildren(make("h3", {}, title), ...(layer?.forward.length ? account(layer, raw, telling) : [raw]));
    } catch (error) {
      place.replaceChildren(make("p", { class: "trouble" }, error.message));
    }
  }
  return { place, look };
}

/** What a layer made at one place, each formula with its numbers. */
const account = (layer, raw, telling) => [
  telling(() => ({ plain: [layer.plain, sentence(layer)], maths: layer.formula, code: layer.code })).place,
  toldLines(layer.forward),
  make("details", {}, make("summary", {}, "as fogwalk explain tells it"), raw),
];

/** A table that is made when it is opened. */
export function twin(titles, rows, words = "The same as a table") {
  const details = make("details", {}, make("summary", {}, words));
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(table(titles, rows()));
  });
  return details;
}
