// A network too wide for its links to be drawn: the strongest units of each layer, its matrices as coloured squares, and the
// strongest links of it all in a table. Units and links can be picked as in a drawing.

import { ends, largestOf } from "../extent.js";
import { heatmap } from "../heatmap.js";
import { draw, make } from "../make.js";
import { floats, run as at } from "../server.js";
import { number } from "../words.js";
import { LINKS, linkTable, linksOf, manyLinks, matrices } from "./links.js";
import { barsIn, inside, planePicture } from "./net.js";

const [SIDE, TALL, WIDE] = [56, 560, 900]; // of a unit's square; of a matrix at most
const TWIN = 4000; // numbers of a matrix that stand in a table too

/** `pick(name, at)` is told of the unit or link that was chosen. As of net.js. */
export function gallery(frame, pick, run) {
  const units = make("div", { class: "neurons" }), pointed = make("p", { class: "sentence pointed" });
  const sentence = make("p", {}), twin = linkTable("The strongest links as a table", pick, true);
  const told = make("p", { class: "quiet", role: "status" }), drawn = make("div", {});
  const whole = make("details", { open: true }, make("summary", {}, "The matrices, whole"), told, drawn);
  let now = frame, kind = "weight", seen = "", asking = false;
  whole.addEventListener("toggle", fill);

  function show(frame, wanted, picked) {
    [now, kind] = [frame, wanted];
    const focused = document.activeElement?.dataset?.unit;
    units.replaceChildren(...Object.keys(now.chosen).map((name) => layer(name, picked)));
    if (focused) units.querySelector(`[data-unit="${focused}"]`)?.focus({ preventScroll: true });
    const links = linksOf(now, kind);
    sentence.textContent = `A layer of more than ${now.few} numbers has too many links to draw: its matrix is drawn instead, and ` +
      `the table has the links. ${manyLinks(now, links, kind)} stand there; each can be picked to try another number for it.`;
    twin.show(links);
    fill();
  }

  function layer(name, picked) {
    const size = now.sizes[name === "head" ? now.sizes.length - 1 : Number(name.split(".")[1]) + 1], places = now.chosen[name];
    const what = name === "head" ? "answers" : "neurons", cut = places.length < size;
    const title = !cut ? `${name}: ${size} ${what}` : name === "head" ? `${name}: the first ${places.length} of ${size} ${what}`
      : `${name}: ${places.length} of ${size} ${what}, those with the strongest weights`;
    const tiles = places.map((unit, each) => tile(name, unit, each, picked));
    return make("section", {}, make("h2", {}, title), make("div", { class: "tiles" }, tiles));
  }
  /** A unit's square: pressed it is held by its bias, as in a drawing. */
  function tile(name, unit, each, picked) {
    const plane = now.plane?.units[name]?.[each], lies = now.histograms?.[name]?.[each];
    const label = name === "head" ? now.outputs[unit] || "answer" : `${unit}`, entry = `${name}.bias`;
    const [low, top] = plane ? ends(plane) : [lies?.low, lies?.high];
    const range = plane || lies ? `from ${number(low)} to ${number(top)}` : "not seen before the first update";
    const words = `${name} ${label}: ${range}`, mine = picked?.name === entry && picked.at.join() === `${unit}`;
    const picture = plane ? make("img", { src: planePicture(plane, now.plane.side), alt: "", width: SIDE, height: SIDE })
      : draw("svg", { class: "net", viewBox: `0 0 ${SIDE} ${SIDE}`, width: SIDE, height: SIDE, "aria-hidden": "true" },
        draw("rect", { class: "tile", x: 0.5, y: 0.5, width: SIDE - 1, height: SIDE - 1, rx: 4 }),
        draw("path", { class: "bars-of", d: lies ? barsIn(lies.counts, 0, 0, SIDE) : "" }));
    const point = () => { pointed.textContent = words; };
    return make("button", { class: "unit", "data-unit": `${name}.${unit}`, "aria-label": words, title: words,
      "aria-pressed": String(mine), onfocus: point, onpointerenter: point, onclick: () => pick(entry, [unit]) },
    picture, make("span", {}, label), lies ? make("small", {}, `${number(low)} … ${number(top)}`) : null);
  }

  /** The matrices of the layers that are drawn, of the frame that is shown; of many frames meanwhile only the last. */
  async function fill() {
    const wanted = `${now.step} ${kind}`;
    if (!whole.open || asking || seen === wanted) return;
    asking = true;
    if (!drawn.childElementCount) whole.setAttribute("aria-busy", "true"); // later frames stand until the next is there
    told.className = "quiet";
    try {
      const { step, shown: [begin, end] } = now, names = matrices(now).slice(begin, end - 1), shows = kind;
      const found = await Promise.all(names.map((name) => floats(`${at(run)}/frames/${step}/matrix`, { name, kind: shows })));
      told.textContent = `After step ${step}: the ${LINKS[shows]}.`;
      drawn.replaceChildren(...names.map((name, each) => drawnMatrix(name, found[each], name === "layers.0.weight" ? now.inputs : [])));
    } catch (error) {
      [told.className, told.textContent] = ["trouble", error.message];
    } finally {
      [asking, seen] = [false, wanted];
      whole.removeAttribute("aria-busy");
    }
    if (seen !== `${now.step} ${kind}`) fill();
  }
  /** Put the focus on an entry, where it was picked. */
  function focus(name, places) {
    if (places.length > 1) return twin.focus(name, places);
    units.querySelector(`[data-unit="${name.replace(/bias$/, "")}${places.join()}"]`)?.focus();
  }
  const place = make("div", {}, sentence, make("p", { class: "quiet" }, `${inside(frame)} Pick one to try another number for its bias.`),
    units, pointed, twin.place, whole);
  return { place, show, focus };
}

/** A matrix as squares, the longer side lying. */
function drawnMatrix(name, { shape: [rows, columns], values }, inputs) {
  const largest = largestOf(values), across = rows > columns;
  const nested = Array.from({ length: across ? columns : rows }, (_, down) =>
    Array.from({ length: across ? rows : columns }, (_, right) => values[across ? right * columns + down : down * columns + right]));
  const units = Array.from({ length: rows }, (_, unit) => `unit ${unit}`),
    reads = Array.from({ length: columns }, (_, column) => inputs[column] ?? `input ${column}`);
  const [down, right] = across ? [reads, units] : [units, reads];
  const title = `rows are ${across ? "what they read, columns units" : "units, columns what they read"}; light is large, of either ` +
    `sign, up to ${number(largest)}`;
  return make("section", {}, make("h2", {}, `${name}: ${rows} units from ${columns} inputs`), heatmap({
    values: nested,
    title,
    rows: down,
    columns: right,
    share: (value) => Math.abs(value) / largest,
    size: down.length <= 40 ? 14 : Math.max(2, Math.floor(Math.min(TALL, WIDE) / down.length)),
    square: true,
    twin: rows * columns <= TWIN,
  }));
}
