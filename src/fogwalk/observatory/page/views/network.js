import { go } from "../address.js";
import { viridis } from "../colour.js";
import { heatmap } from "../heatmap.js";
import { draw, make } from "../make.js";
import { ask, run as at, tensor } from "../server.js";
import { madeAgain, stepper } from "../stepper.js";
import { number } from "../words.js";

const FEW = 16; // units of a layer that stand one by one; of more the matrix is drawn
const MOST = 400; // links that are drawn
const [TILE, GAP, COLUMN] = [44, 14, 150];
const LINKS = { weight: "the weight before the update", gradient: "the blame of the weight, ∂L/∂W", change: "how the update moved the weight" };

export const network = {
  id: "network",
  title: "Network",
  question: "What does each neuron make of it?",
  needs: ["run"],

  async draw(place, { opened, picks }) {
    if (opened.kind !== "plain") throw new Error("This screen draws plain networks of tables. Try one: fogwalk train sample:moons --model.hidden 4");
    const last = opened.step ?? 0, step = Number(picks.step ?? last), kind = picks.links in LINKS ? picks.links : "weight";
    if (!last) throw new Error("This run has made no step yet.");
    const told = make("div", {});
    const choice = make("select", { "aria-label": "links", onchange: (event) => go({ links: event.target.value }) }, Object.entries(LINKS).map(([name, words]) => make("option", { value: name, selected: name === kind }, words)));
    place.append(make("h1", {}, this.question), make("div", { class: "controls" },
      ...stepper(step, last),
      make("label", {}, "links show ", choice)), told);
    const found = await madeAgain(opened.name, step, told);
    const matrices = found.structure.parameters.map((one) => one.name).filter((name) => /^(layers\.\d+|head)\.weight$/.test(name));
    const weights = await Promise.all(matrices.map((name) => links(opened.name, step, name, kind)));
    const planes = found.structure.input_names.length === 2 ? await ask(`${at(opened.name)}/steps/${step}/plane`).catch(() => null) : null;
    const sizes = [weights[0].shape[1], ...weights.map((one) => one.shape[0])];
    const loss = found.structure.loss;
    const sentence = `Step ${step} of ${found.structure.steps}: loss ${number(loss.recomputed)}${loss.after === null ? "" : `, after the update ${number(loss.after)}`}. The links show ${LINKS[kind]}.`;
    told.replaceChildren(make("p", {}, sentence), ...(Math.max(...sizes) <= FEW ? [net(sizes, weights, matrices, planes, found.structure, (name, unit, from) => go({ view: "step", step, station: "update", at: name, unit, from }))] : matrices.map((name, each) => matrix(name, weights[each], found.structure, each))));
  },
};

/** One matrix as it was, its gradient, or its change. */
async function links(run, step, name, kind) {
  const get = (what) => tensor(run, step, `${what}/${name}`);
  if (kind === "gradient") return get("gradient");
  const old = await get("old");
  if (kind === "weight") return old;
  const fresh = await get("new");
  return { shape: old.shape, values: fresh.values.map((value, each) => value - old.values[each]) };
}

function matrix(name, { shape: [rows, columns], values }, structure, each) {
  const largest = Math.max(...values.map(Math.abs), 1e-30);
  const nested = Array.from({ length: rows }, (_, row) => Array.from(values.slice(row * columns, (row + 1) * columns)));
  return make("section", {}, make("h2", {}, `${name}: ${rows} units from ${columns} inputs`),
    heatmap({ values: nested, title: "rows are units, columns what they read; light is large, of either sign", rows: nested.map((_, row) => `unit ${row}`), columns: nested[0].map((_, column) => (each ? `input ${column}` : structure.input_names[column] ?? `input ${column}`)), share: (value) => Math.abs(value) / largest, size: 10, square: true, twin: rows * columns <= 4000 }));
}

/** Columns of neurons; each shows what it makes of the plane, where two columns are read. Blue links are positive, orange negative. */
function net(sizes, weights, matrices, planes, structure, open) {
  const most = Math.max(...sizes), high = most * (TILE + GAP) + 40, wide = (sizes.length - 1) * COLUMN + TILE + 130;
  const seat = (layer, unit) => [65 + layer * COLUMN, 30 + (most - sizes[layer]) * (TILE + GAP) / 2 + unit * (TILE + GAP)];
  const layerNames = ["", ...matrices.map((name) => name.replace(".weight", ""))];
  const shown = weights.flatMap(({ shape: [rows, columns], values }, layer) => Array.from(values, (value, each) => ({ layer, unit: Math.floor(each / columns), from: each % columns, value, rows })));
  const strongest = shown.toSorted((one, other) => Math.abs(other.value) - Math.abs(one.value)).slice(0, MOST);
  const largest = Math.max(...strongest.map((one) => Math.abs(one.value)), 1e-30);
  const lines = strongest.toReversed().map(({ layer, unit, from, value }) => {
    const [[x, y], [u, v]] = [seat(layer, from), seat(layer + 1, unit)];
    const told = `${matrices[layer]}[${unit}, ${from}] = ${number(value)}`;
    return draw("path", { d: `M${x + TILE},${y + TILE / 2} C${x + TILE + 40},${y + TILE / 2} ${u - 40},${v + TILE / 2} ${u},${v + TILE / 2}`, class: value < 0 ? "link minus" : "link plus", "stroke-width": Math.max(0.5, (Math.abs(value) / largest) * 7), onclick: () => open(matrices[layer], unit, from) }, draw("title", {}, told));
  });
  const tiles = sizes.flatMap((size, layer) => Array.from({ length: size }, (_, unit) => {
    const [x, y] = seat(layer, unit), name = layerNames[layer];
    const label = layer === 0 ? structure.input_names[unit] ?? `input ${unit}` : layer === sizes.length - 1 && structure.names[unit] ? structure.names[unit] : `${unit}`;
    const values = planes?.layers[layer === sizes.length - 1 ? "head" : name.replace("layers", "activations")]?.[unit];
    const inside = layer === 0 && planes ? ramp(planes, unit) : values ? picture(values, planes.side) : null;
    return draw("g", { "aria-label": `${name || "input"} ${label}` },
      draw("rect", { class: "tile", x, y, width: TILE, height: TILE, rx: 4 }), inside ? draw("image", { x: x + 2, y: y + 2, width: TILE - 4, height: TILE - 4, href: inside, preserveAspectRatio: "none" }) : null,
      draw("text", { x: layer === 0 ? x - 6 : x + TILE / 2, y: layer === 0 ? y + TILE / 2 + 4 : y - 3, "text-anchor": layer === 0 ? "end" : "middle" }, String(label).slice(0, 12)));
  }));
  const titles = sizes.map((_, layer) => draw("text", { x: seat(layer, 0)[0] + TILE / 2, y: 14, "text-anchor": "middle" }, layer === 0 ? "reads" : layerNames[layer]));
  const cut = shown.length > strongest.length ? `the strongest ${strongest.length} of ${shown.length} links` : `${shown.length} links`;
  return make("div", {}, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the network" }, draw("svg", { class: "net", width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": "the network" }, lines, tiles, titles)),
    make("p", { class: "quiet" }, `${cut}; blue adds, orange takes away; the widest is ${number(largest)}. ${planes ? "Each square is the plane of what is read; light is where the neuron is large. " : ""}A click on a link opens that dial.`));
}

function picture(values, side) {
  const canvas = make("canvas", { width: side, height: side }), ink = canvas.getContext("2d");
  const [low, high] = [Math.min(...values), Math.max(...values)];
  values.forEach((value, each) => { ink.fillStyle = viridis((value - low) / (high - low || 1)); ink.fillRect(each % side, Math.floor(each / side), 1, 1); });
  return canvas.toDataURL();
}

/** What an input itself is over the plane, with the batch's points on it. */
function ramp(planes, unit) {
  const side = planes.side, values = Array.from({ length: side * side }, (_, each) => (unit === 0 ? each % side : side - Math.floor(each / side)));
  return picture(values, side);
}
