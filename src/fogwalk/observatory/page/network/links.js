// The links of a network that are told of: all of a small one, of a large one the strongest, as the server has them; and the
// table of them, which can be sorted and in which each can be picked.

import { go, picks } from "../address.js";
import { make } from "../make.js";
import { counted, number } from "../words.js";

export const LINKS = { weight: "weight", gradient: "blame of the weight, ∂L/∂W", change: "change of the last update" };
const TITLES = { weight: "weight", gradient: "blame", change: "change" };

/** The names of the matrices of a frame, in order. */
export const matrices = ({ sizes }) => sizes.slice(1).map((_, at) => (at < sizes.length - 2 ? `layers.${at}` : "head") + ".weight");
/** What links can show of a frame: before the first update there is no blame and no change. */
export const kindOf = (frame, kind) => (frame.step ? kind : "weight");
export const written = (name, at) => `${name}[${at.join(", ")}]`;

/** The links {name, at, weight, gradient, change}; of a network of many the strongest by `kind`, the strongest first. */
export function linksOf(frame, kind) {
  if (frame.links)
    return (frame.links[kind] ?? frame.links.weight).map(([name, unit, from, weight, gradient, change]) =>
      ({ name, at: [unit, from], weight, gradient, change }));
  return matrices(frame).flatMap((name) => frame.parameters[name].weight.flatMap((row, unit) =>
    row.map((_, from) => linkAt(frame, name, [unit, from]))));
}

/** One link of a network whose parameters are in the frame. */
export function linkAt(frame, name, at) {
  const { weight, gradient, change } = frame.parameters[name], [unit, from] = at;
  return { name, at, weight: weight[unit][from], gradient: gradient?.[unit][from] ?? null, change: change?.[unit][from] ?? null };
}

/** How many links that are, and by what they were chosen. */
export const manyLinks = (frame, links, kind) => links.length < frame.many
  ? `The strongest ${links.length} of the network's ${counted(frame.many, "link")} by ${TITLES[kind]}` : `${links.length} links`;

/** The table; `pick(name, at)` is told of the one that was chosen. `show` takes a frame's links. */
export function linkTable(title, pick, open = false) {
  const place = make("details", { class: "links", open }, make("summary", {}, title));
  let links = [];
  place.addEventListener("toggle", fill);

  /** The links in the order that the address asks for: `weight-` is from the largest on, `weight` from the smallest. */
  function ordered() {
    const { sort = "" } = picks(), by = sort.replace("-", ""), turn = sort.endsWith("-") ? -1 : 1;
    return Object.hasOwn(TITLES, by) ? links.toSorted((one, other) => turn * ((one[by] ?? 0) - (other[by] ?? 0))) : links;
  }
  function fill() {
    if (!place.open) return;
    const { sort = "" } = picks();
    const heads = Object.entries(TITLES).map(([by, words]) => {
      const order = sort === by ? "ascending" : sort === `${by}-` ? "descending" : null;
      const press = () => {
        go({ sort: sort === `${by}-` ? by : `${by}-` }, { quietly: true });
        fill();
        place.querySelector(`[data-by="${by}"]`).focus();
      };
      return make("th", { scope: "col", class: "number", "aria-sort": order }, make("button", { "data-by": by, onclick: press }, words));
    });
    const rows = ordered().map((one) => {
      const entry = written(one.name, one.at);
      const button = make("button", { "aria-label": `try another ${entry}`, onclick: () => pick(one.name, one.at) }, entry);
      return make("tr", {}, make("td", {}, button), Object.keys(TITLES).map((by) => make("td", { class: "number" }, number(one[by]))));
    });
    const head = make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "link"), heads));
    const table = make("table", {}, head, make("tbody", {}, rows));
    const box = { class: "scroll tall tree", tabindex: "0", role: "region", "aria-label": title };
    place.replaceChildren(place.firstChild, make("div", box, table));
  }
  /** Put the focus on a link that was picked here. */
  const focus = (name, at) =>
    place.querySelector(`[aria-label="try another ${written(name, at)}"]`)?.focus({ preventScroll: true });
  return { place, focus, show: (now) => { links = now; fill(); } };
}

/** Which layers are drawn, where not all are: a choice of the others. */
export function layerChoice({ sizes, shown: [first, end], most_layers: most }) {
  if (sizes.length <= most) return null;
  const called = (at) => (at === 0 ? "the inputs" : at === sizes.length - 1 ? "head" : `layers.${at - 1}`);
  const starts = [];
  for (let at = 0; at === 0 || at < sizes.length - 1; at += most - 1) starts.push(at);
  if (!starts.includes(first)) starts.push(first);
  const option = (at) => make("option", { value: at, selected: at === first },
    `${called(at)} to ${called(Math.min(sizes.length, at + most) - 1)}`);
  const select = make("select", { "aria-label": "layers drawn", onchange: () => go({ layers: select.value }) },
    starts.toSorted((one, other) => one - other).map(option));
  return make("div", { class: "controls" }, make("label", {}, "layers drawn ", select),
    make("span", { class: "quiet" }, `${end - first} of ${sizes.length} columns: at most ${most} are drawn at once.`));
}
