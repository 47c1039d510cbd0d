// A plain network, its neurons one by one: each with the plane of what it makes of two columns, or with how its values lie
// over the batch; links by weight, blame or change. Only the links that are told of are elements: of many the strongest.

import { signed } from "../colour.js";
import { ends, largestOf } from "../extent.js";
import { draw, make } from "../make.js";
import { wide } from "../step/drawings.js";
import { number } from "../words.js";
import { LINKS, linkAt, linkTable, linksOf, manyLinks, matrices, written } from "./links.js";

const [TILE, GAP, COLUMN, LEFT, TOP] = [42, 12, 128, 74, 34];
const layerOf = (matrix) => matrix.replace(".weight", "");

const REACH = 12; // pixels on the page beside a link that it can be pressed within, each way; of several the nearest is meant
const LABEL = "the network; the arrow keys go from one to the next, Enter picks";
const HINT = "The drawing is one stop of the Tab key. In it the arrow keys go on: left and right along the network, up " +
  "and down " +
  "among the links or neurons of a column; Enter picks, Esc lets go. With the pointer the nearest is meant.";

/** `pick(name, at)` is told of the link or neuron that was chosen. Gives back its place, what shows a frame, and what puts the
    focus on an entry. */
export function net(frame, pick) {
  const { sizes, shown: [begin, end] } = frame, names = matrices(frame), most = Math.max(...sizes.slice(begin, end));
  const high = TOP + most * (TILE + GAP), across = LEFT + (end - begin - 1) * COLUMN + TILE + 90;
  const seat = (layer, unit) => [
    LEFT + (layer - begin) * COLUMN,
    TOP + ((most - sizes[layer]) * (TILE + GAP)) / 2 + unit * (TILE + GAP),
  ];
  const labels = (layer, unit) => {
    if (layer === 0) return frame.inputs[unit] ?? `${unit}`;
    return layer === sizes.length - 1 ? frame.outputs[unit] || "answer" : `${unit}`;
  };
  const isDrawn = (layer) => layer >= begin && layer < end;
  const tiles = sizes.map((size, layer) => Array.from({ length: isDrawn(layer) ? size : 0 }, (_, unit) => {
    const side = layer === 0 ? "first" : layer === sizes.length - 1 ? "last" : "";
    return tileOf(layer ? names[layer - 1] : null, unit, seat(layer, unit), labels(layer, unit), side);
  }));
  const titles = sizes.map((_, layer) => {
    if (!isDrawn(layer)) return null;
    const told = layer === 0 ? "reads" : layer === sizes.length - 1 ? "answers" : layerOf(names[layer - 1]);
    return draw("text", { x: seat(layer, 0)[0] + TILE / 2, y: 14, "text-anchor": "middle" }, told);
  });
  const made = new Map(), pointed = make("p", { class: "sentence pointed" }), below = draw("g", {});
  const svg = draw(
    "svg",
    { class: "net", width: across, height: high, viewBox: `0 0 ${across} ${high}`, role: "group", "aria-label": LABEL },
    below, tiles.flat().map((one) => one.group), titles,
  );
  const sentence = make("p", { class: "quiet" }), hint = make("p", { class: "quiet" }, HINT);
  const large = frame.links !== null, twin = linkTable(large ? "The strongest links as a table" : "The weights as a table", pick);
  let links = names.map(() => []), every = [], columns = [], stop = null;
  roving();

  /** The elements of links, made once for each that is ever drawn. */
  function elementOf(link) {
    const key = written(link.name, link.at), layer = names.indexOf(link.name), [unit, from] = link.at;
    if (!made.has(key)) made.set(key, linkOf(link.name, unit, from, seat(layer, from), seat(layer + 1, unit)));
    return Object.assign(made.get(key), { link, layer });
  }
  /** Have just these links in the drawing. */
  function stand(told) {
    const before = every, place = ({ layer, link: { at } }) => (layer * 1e4 + at[0]) * 1e4 + at[1];
    const here = told.filter(({ name }) => isDrawn(names.indexOf(name)) && isDrawn(names.indexOf(name) + 1));
    every = here.map(elementOf).sort((one, other) => place(one) - place(other));
    links = names.map(() => []);
    for (const one of every) links[one.layer].push(one);
    columns = links.flatMap((column, layer) => [column, tiles[layer + 1]]); // that the arrow keys go through
    if (before.length !== every.length || before.some((one, at) => one !== every[at]))
      below.replaceChildren(...every.map((one) => one.group));
    if (!columns.some((list) => list.includes(stop))) stopAt(columns.flat()[0]);
  }
  /** The one that the Tab key comes to. */
  function stopAt(one) {
    stop?.group.setAttribute("tabindex", "-1");
    stop = one;
    stop.group.setAttribute("tabindex", "0");
  }
  function take(one) {
    stopAt(one);
    pick(...one.entry);
  }
  /** Where an arrow leads: along the network, from a neuron to a link of it and from a link to its ends; else in its column. */
  function beside(one, key) {
    const column = columns.find((list) => list.includes(one)), layer = columns.indexOf(column) >> 1;
    const [unit, from] = one.entry[1], at = column.indexOf(one), link = from !== undefined;
    if (key === "ArrowUp" || key === "ArrowDown") return column[at + (key === "ArrowUp" ? -1 : 1)];
    if (key === "Home" || key === "End") return column.at(key === "Home" ? 0 : -1);
    const left = key === "ArrowLeft";
    if (link) return left ? layer && tiles[layer][from] : tiles[layer + 1][unit];
    const met = links[left ? layer : layer + 1]?.find((other) => other.entry[1][left ? 0 : 1] === unit);
    return met ?? tiles[left ? layer : layer + 2]?.find((other) => other.entry); // of a neuron without a link its neighbour
  }
  function roving() {
    const of = (event) => columns.flat().find((one) => one.group === event.target.closest("g[role=button]"));
    svg.addEventListener("focusin", (event) => { pointed.textContent = of(event)?.told ?? ""; });
    svg.addEventListener("keydown", (event) => {
      const one = of(event);
      if (!one) return;
      if (event.key === "Enter" || event.key === " ") take(one);
      else if (/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(event.key)) {
        const next = beside(one, event.key);
        if (next) stopAt(next);
        stop.group.focus();
      } else return;
      event.preventDefault();
    });
    svg.addEventListener("click", (event) => {
      const one = event.detail ? under(event) : of(event); // without a pointer there is no nearest
      if (one) take(one);
    });
    svg.addEventListener("pointermove", (event) => {
      const one = under(event);
      every.forEach((other) => other.group.classList.toggle("pointed", other === one));
      pointed.textContent = one?.told ?? "";
    });
    svg.addEventListener("pointerleave", () => every.forEach((one) => one.group.classList.remove("pointed")));
  }
  /** The neuron that is pointed at, or the nearest link. */
  function under(event) {
    const box = svg.getBoundingClientRect(), zoom = box.width / across;
    const [x, y] = [(event.clientX - box.left) / zoom, (event.clientY - box.top) / zoom];
    const tile = tiles.flat().find((one) => x >= one.x && x <= one.x + TILE && y >= one.y && y <= one.y + TILE);
    if (tile) return tile.entry && tile;
    const found = every.map((one) => [away(one.points, x, y) * zoom, one]);
    const [far, nearest] = found.reduce((best, one) => (one[0] < best[0] ? one : best), [Infinity, null]);
    return far <= REACH ? nearest : null;
  }

  /** Show a frame; `kind` of LINKS, `picked` the entry that is held. */
  function show(now, kind, picked) {
    const told = linksOf(now, kind), isHeld = ({ name, at }) => picked?.name === name && picked.at.join() === at.join();
    const largest = largestOf(told.map((one) => one[kind] ?? 0)), alone = picked?.at.length === 2 && !told.some(isHeld);
    stand(alone ? [...told, linkAt(now, picked.name, picked.at)] : told);
    for (const one of every) {
      const { name, at, [kind]: value } = one.link, size = Math.abs(value ?? 0);
      one.line.setAttribute("class", `link ${value < 0 ? "minus" : "plus"}`);
      one.line.setAttribute("stroke-width", Math.max(0.6, (size / largest) * 7).toFixed(2));
      one.group.setAttribute("class", isHeld(one.link) ? "reach held" : "reach");
      one.told = `${written(name, at)} ${kind} ${value < 0 ? "−" : "+"}${number(size)}`;
      one.group.setAttribute("aria-label", one.told);
    }
    tiles.forEach((units, layer) => units.forEach((one, unit) => {
      const name = layer === 0 ? "input" : layerOf(names[layer - 1]);
      const mine = layer > 0 && picked?.at.length === 1 && picked.name === `${name}.bias` && picked.at[0] === unit;
      one.group.classList.toggle("held", mine);
      shade(one, now, name, unit, labels(layer, unit));
    }));
    const here = every.length - Number(alone), part = here < told.length ? ` (${here} of them between the layers drawn)` : "";
    const beside = alone ? ", and the one you hold," : "";
    sentence.textContent = `${manyLinks(now, told, kind)}${part}${beside} show the ${LINKS[kind]}; blue is +, orange is −; ` +
      `the widest is ${number(largest)}. ${inside(now)} Pick a link or a neuron to try another number for it.`;
    twin.show(told);
  }
  /** Put the focus on an entry, where it was picked. */
  function focus(name, at) {
    const one = columns.flat().find(({ entry }) => entry[0] === name && entry[1].join() === at.join());
    if (!one) return twin.focus(name, at);
    stopAt(one);
    one.group.focus({ preventScroll: true });
  }
  return {
    place: make("div", {}, wide(svg, "the drawing", "", false), pointed, sentence, hint, twin.place),
    show,
    focus,
  };
}

/** A link from a tile to one of the next layer, and points on it. */
function linkOf(name, unit, from, [left, y], [right, v]) {
  const ends = [[left + TILE, y + TILE / 2], [left + TILE + 36, y + TILE / 2], [right - 36, v + TILE / 2], [right, v + TILE / 2]];
  const path = `M${ends[0]} C${ends.slice(1).join(" ")}`, line = draw("path", { d: path });
  const group = draw("g", { class: "reach", role: "button", tabindex: "-1" }, draw("path", { d: path, class: "near" }), line);
  return { entry: [name, [unit, from]], line, group, points: Array.from({ length: 33 }, (_, at) => onCurve(ends, at / 32)) };
}

/** Where a cubic curve is at a share of its way. */
function onCurve(ends, t) {
  const shares = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
  return [0, 1].map((axis) => ends.reduce((sum, end, each) => sum + shares[each] * end[axis], 0));
}

/** How far a point is from a line through points. */
function away(points, x, y) {
  let least = Infinity;
  for (let at = 1; at < points.length; at += 1) {
    const [[a, b], [c, d]] = [points[at - 1], points[at]], long = (c - a) ** 2 + (d - b) ** 2 || 1;
    const share = Math.min(1, Math.max(0, ((x - a) * (c - a) + (y - b) * (d - b)) / long));
    least = Math.min(least, Math.hypot(x - a - share * (c - a), y - b - share * (d - b)));
  }
  return least;
}

/** A neuron, or what is read, which cannot be picked: its `matrix` is null. */
function tileOf(matrix, unit, [x, y], label, end) {
  const image = draw("image", { x: x + 2, y: y + 2, width: TILE - 4, height: TILE - 4, preserveAspectRatio: "none" });
  const bars = draw("path", { class: "bars-of" }), title = draw("title", {}), first = end === "first";
  const called = `${matrix ? layerOf(matrix) : "reads"} ${label}`;
  const beside = { x: first ? x - 6 : x + TILE + 5, y: y + TILE / 2 + 4, "text-anchor": first ? "end" : "start" };
  const group = draw(
    "g",
    { class: "neuron", role: matrix ? "button" : "img", tabindex: matrix ? "-1" : null, "aria-label": called },
    draw("rect", { class: "tile", x, y, width: TILE, height: TILE, rx: 4 }), image, bars, title,
    end ? draw("text", beside, label.length > 11 ? `${label.slice(0, 10)}…` : label) : null,
  );
  return { entry: matrix && [matrix.replace("weight", "bias"), [unit]], group, image, bars, title, x, y };
}

/** What a neuron makes, as a picture of the plane or as bars, and told. */
function shade(one, { plane, histograms }, name, unit, label) {
  const { image, bars, title, x, y } = one;
  if (plane) {
    const values = name === "input" ? ramp(plane, unit) : plane.units[name][unit];
    image.setAttribute("href", planePicture(values, plane.side));
    const [low, top] = ends(values), size = Math.max(-low, top);
    one.told = `${name} ${label}: from ${number(low)} to ${number(top)}; full colour at ±${number(size)}`;
  } else if (histograms) {
    const { counts, low, high } = histograms[name][unit];
    bars.setAttribute("d", barsIn(counts, x, y, TILE));
    one.told = `${name} ${label}: from ${number(low)} to ${number(high)} over the batch`;
  }
  title.textContent = one.told ?? "";
}

/** The path of a histogram in a square. */
export function barsIn(counts, x, y, size) {
  const tall = Math.max(...counts, 1), each = (size - 6) / counts.length, foot = y + size - 3;
  return counts.map((count, at) => {
    const [left, up] = [x + 3 + at * each, -(count / tall) * (size - 8)];
    return `M${left.toFixed(1)},${foot} v${up.toFixed(1)} h${(each * 0.85).toFixed(1)} V${foot} z`;
  }).join("");
}

const BARS = "Each square tells how a neuron's values lie over the update's batch, from the lowest on the left to the highest on " +
  "the right; the taller a bar, the more rows.";
/** What is in the squares of a frame. */
export const inside = ({ plane, histograms }) => {
  if (plane) return "Each square is what a neuron makes of the whole plane: blue where it is above zero, orange where below.";
  return histograms ? BARS : "";
};

/** What an input itself is over the plane. */
function ramp({ low, high, side }, unit) {
  const step = (high[unit] - low[unit]) / (side - 1);
  return Array.from({ length: side * side }, (_, each) =>
    unit === 0 ? low[0] + (each % side) * step : high[1] - Math.floor(each / side) * step,
  );
}

/** Values row by row as an address of a picture: full colour at the largest, of either sign. */
export function planePicture(values, side) {
  const canvas = make("canvas", { width: side, height: side }),
    ink = canvas.getContext("2d"),
    image = ink.createImageData(side, side);
  const largest = largestOf(values);
  values.forEach((value, each) => image.data.set([...signed(value / largest), 255], each * 4));
  ink.putImageData(image, 0, 0);
  return canvas.toDataURL();
}
