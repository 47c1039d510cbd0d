// A plain network, its neurons one by one: each with the plane of what it makes of two columns, or with how its values lie over the
// batch; links by weight, blame or change. Built once for a network, then changed with every frame.

import { signed } from "../colour.js";
import { draw, make, table } from "../make.js";
import { number } from "../words.js";

export const LINKS = { weight: "weight", gradient: "blame of the weight, ∂L/∂W", change: "change of the last update" };
const MOST = 400; // links that are drawn
const [TILE, GAP, COLUMN, LEFT, TOP] = [42, 12, 128, 74, 34];

/** The names of the matrices of a frame, in order. */
export const matrices = (frame) => Object.keys(frame.parameters).filter((name) => name.endsWith("weight"));
const layerOf = (matrix) => matrix.replace(".weight", "");

/** `pick(name, at)` is told of the link or neuron that was chosen. Gives back its place and what shows a frame. */
export function net(frame, pick) {
  const { sizes } = frame, names = matrices(frame), most = Math.max(...sizes);
  const high = TOP + most * (TILE + GAP), wide = LEFT + (sizes.length - 1) * COLUMN + TILE + 90;
  const seat = (layer, unit) => [LEFT + layer * COLUMN, TOP + ((most - sizes[layer]) * (TILE + GAP)) / 2 + unit * (TILE + GAP)];
  const chosen = (act) => ({ onclick: act, onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); } } });

  const links = names.flatMap((name, layer) => frame.parameters[name].weight.flatMap((row, unit) => row.map((_, from) => {
    const [[x, y], [u, v]] = [seat(layer, from), seat(layer + 1, unit)], title = draw("title", {});
    const path = `M${x + TILE},${y + TILE / 2} C${x + TILE + 36},${y + TILE / 2} ${u - 36},${v + TILE / 2} ${u},${v + TILE / 2}`;
    const line = draw("path", { d: path }), group = draw("g", { class: "reach", tabindex: "0", role: "button", ...chosen(() => pick(name, [unit, from])) }, draw("path", { d: path, class: "near" }), line, title);
    return { name, unit, from, line, group, title };
  })));
  const labels = (layer, unit) => (layer === 0 ? frame.inputs[unit] ?? `${unit}` : layer === sizes.length - 1 ? frame.outputs[unit] || "answer" : `${unit}`);
  const tiles = sizes.map((size, layer) => Array.from({ length: size }, (_, unit) => {
    const [x, y] = seat(layer, unit), label = labels(layer, unit), end = layer === 0 || layer === sizes.length - 1;
    const image = draw("image", { x: x + 2, y: y + 2, width: TILE - 4, height: TILE - 4, preserveAspectRatio: "none" });
    const bars = draw("path", { class: "bars-of" }), title = draw("title", {});
    const act = layer ? chosen(() => pick(names[layer - 1].replace("weight", "bias"), [unit])) : {};
    const group = draw("g", { class: "neuron", role: layer ? "button" : "img", tabindex: layer ? "0" : null, "aria-label": `${layer ? layerOf(names[layer - 1]) : "reads"} ${label}`, ...act },
      draw("rect", { class: "tile", x, y, width: TILE, height: TILE, rx: 4 }), image, bars, title,
      end ? draw("text", { x: layer ? x + TILE + 5 : x - 6, y: y + TILE / 2 + 4, "text-anchor": layer ? "start" : "end" }, label.length > 11 ? `${label.slice(0, 10)}…` : label) : null);
    return { group, image, bars, title, x, y };
  }));
  const titles = sizes.map((_, layer) => draw("text", { x: seat(layer, 0)[0] + TILE / 2, y: 14, "text-anchor": "middle" }, layer === 0 ? "reads" : layer === sizes.length - 1 ? "answers" : layerOf(names[layer - 1])));
  const svg = draw("svg", { class: "net", width: wide, height: high, viewBox: `0 0 ${wide} ${high}`, role: "group", "aria-label": "the network" }, draw("g", {}, links.map((one) => one.group)), tiles.flat().map((one) => one.group), titles);
  const sentence = make("p", { class: "quiet" }), twin = make("details", {}, make("summary", {}, "The weights as a table"));
  let last = null;
  twin.addEventListener("toggle", () => fill());

  function fill() {
    if (!twin.open || !last) return;
    const rows = links.map(({ name, unit, from }) => { const one = last.parameters[name]; return [`${name}[${unit}, ${from}]`, number(one.weight[unit][from]), one.gradient ? number(one.gradient[unit][from]) : "-", one.change ? number(one.change[unit][from]) : "-"]; });
    twin.replaceChildren(twin.firstChild, table(["", "#weight", "#blame", "#change"], rows));
  }

  /** Show a frame; `kind` of LINKS, `picked` the entry that is held. */
  function show(frame, kind, picked) {
    last = frame;
    const values = links.map(({ name, unit, from }) => frame.parameters[name][kind]?.[unit][from] ?? null);
    const largest = Math.max(...values.map((value) => Math.abs(value ?? 0)), 1e-30);
    const least = values.length > MOST ? values.map((value) => Math.abs(value ?? 0)).toSorted((one, other) => other - one)[MOST - 1] : 0;
    links.forEach(({ name, unit, from, line, group, title }, each) => {
      const value = values[each], mine = picked?.name === name && picked.at[0] === unit && picked.at[1] === from;
      line.setAttribute("class", `link ${value < 0 ? "minus" : "plus"}`);
      line.setAttribute("stroke-width", Math.max(0.6, (Math.abs(value ?? 0) / largest) * 7).toFixed(2));
      group.setAttribute("class", mine ? "reach held" : "reach");
      group.style.display = value === null || Math.abs(value) < least ? "none" : "";
      const told = `${name}[${unit}, ${from}] ${kind} ${value < 0 ? "−" : "+"}${number(Math.abs(value ?? 0))}`;
      title.textContent = told;
      group.setAttribute("aria-label", told);
    });
    tiles.forEach((units, layer) => units.forEach(({ image, bars, title, group, x, y }, unit) => {
      const name = layer === 0 ? "input" : layerOf(names[layer - 1]);
      group.classList.toggle("held", layer > 0 && picked?.at.length === 1 && picked.name === `${name}.bias` && picked.at[0] === unit);
      if (frame.plane) {
        const values = layer === 0 ? ramp(frame.plane, unit) : frame.plane.units[name][unit];
        image.setAttribute("href", picture(values, frame.plane.side));
        const size = Math.max(...values.map(Math.abs));
        title.textContent = `${name} ${labels(layer, unit)}: from ${number(Math.min(...values))} to ${number(Math.max(...values))}; full colour at ±${number(size)}`;
      } else if (frame.histograms) {
        const one = frame.histograms[name][unit], tall = Math.max(...one.counts, 1), each = (TILE - 6) / one.counts.length;
        bars.setAttribute("d", one.counts.map((count, at) => `M${(x + 3 + at * each).toFixed(1)},${y + TILE - 3} v${(-(count / tall) * (TILE - 8)).toFixed(1)} h${(each * 0.85).toFixed(1)} V${y + TILE - 3} z`).join(""));
        title.textContent = `${name} ${labels(layer, unit)}: from ${number(one.low)} to ${number(one.high)} over the batch`;
      }
    }));
    const shown = Math.min(MOST, links.length), inside = frame.plane ? "Each square is what a neuron makes of the whole plane: blue where it is above zero, orange where below." : frame.histograms ? "Each square tells how a neuron's values lie over the update's batch, lowest to highest." : "";
    sentence.textContent = `${shown < links.length ? `The strongest ${shown} of ${links.length} links` : `${links.length} links`} show the ${LINKS[kind]}; blue is +, orange is −; the widest is ${number(largest)}. ${inside} Pick a link or a neuron to try another number for it.`;
    fill();
  }
  return { place: make("div", {}, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the network" }, svg), sentence, twin), show };
}

/** The first neurons of each layer of a network too wide for links. */
export function gallery(frame) {
  const layers = Object.keys(frame.plane?.units ?? frame.histograms ?? {}).filter((name) => name !== "input"), place = make("div", { class: "neurons" });
  function show(now) {
    place.replaceChildren(...layers.map((name, at) => {
      const whole = now.sizes[at + 1], units = now.plane?.units[name] ?? now.histograms?.[name] ?? [];
      const tiles = units.map((unit, each) => {
        const [low, high] = now.plane ? [Math.min(...unit), Math.max(...unit)] : [unit.low, unit.high], told = `${name} ${name === "head" ? now.outputs[each] || "answer" : each}: from ${number(low)} to ${number(high)}`;
        return now.plane ? make("img", { src: picture(unit, now.plane.side), alt: told, title: told, width: 56, height: 56 }) : bars(unit.counts, told);
      });
      return make("section", {}, make("h2", {}, `${name}: ${units.length < whole ? `the first ${units.length} of ${whole}` : whole} ${name === "head" ? "answers" : "neurons"}`), make("div", { class: "tiles" }, tiles));
    }));
  }
  return { place, show };
}

function bars(counts, told) {
  const tall = Math.max(...counts, 1), each = 50 / counts.length;
  return draw("svg", { class: "net", viewBox: "0 0 56 56", width: 56, height: 56, role: "img", "aria-label": told }, draw("title", {}, told), draw("rect", { class: "tile", x: 0.5, y: 0.5, width: 55, height: 55, rx: 4 }),
    draw("path", { class: "bars-of", d: counts.map((count, at) => `M${3 + at * each},52 v${-(count / tall) * 46} h${each * 0.85} V52 z`).join("") }));
}

/** What an input itself is over the plane. */
export function ramp({ low, high, side }, unit) {
  const step = (high[unit] - low[unit]) / (side - 1);
  return Array.from({ length: side * side }, (_, each) => (unit === 0 ? low[0] + (each % side) * step : high[1] - Math.floor(each / side) * step));
}

/** Values row by row as a picture: full colour at the largest, of either sign. */
export function picture(values, side) {
  const canvas = make("canvas", { width: side, height: side }), ink = canvas.getContext("2d"), image = ink.createImageData(side, side);
  const largest = Math.max(...values.map(Math.abs), 1e-30);
  values.forEach((value, each) => image.data.set([...signed(value / largest), 255], each * 4));
  ink.putImageData(image, 0, 0);
  return canvas.toDataURL();
}
