// Small drawings that several stations share: bars to both sides, the lines of an account, histograms, a number's move.

import { ticks } from "../curve.js";
import { largestOf } from "../extent.js";
import { draw, make, table } from "../make.js";
import { briefly, number, signed } from "../words.js";

/** A token as it is shown: without the quotes of its name, a blank as ␣. */
export function visible(name) {
  const bare = /^(['"]).*\1$/s.test(name) ? name.slice(1, -1) : name;
  return bare.replace(/ /g, "␣") || "∅";
}

/** An old number and a new one, with as many digits that their difference shows. */
export function pair(old, fresh) {
  const size = Math.max(Math.abs(old), Math.abs(fresh)), away = Math.abs(fresh - old);
  const digits = away && size ? Math.min(10, Math.max(4, Math.ceil(Math.log10(size / away)) + 2)) : 4;
  const powers = (value) => value.toExponential(digits - 1).replace(/e([+-])(\d)$/, "e$10$2");
  const written = (value) => (Math.abs(value) >= 1e-4 ? value.toPrecision(digits) : powers(value));
  return [old, fresh].map((value) => (digits === 4 || !value ? number(value) : written(value)));
}

/** Put into a formula: brackets round what is below zero. */
export const put = (value) => (value < 0 ? `(${number(value)})` : number(value));

/** The name before a bar: a button where it opens something. */
function nameOf(row) {
  if (!row.open) return make("span", { class: "name", title: row.name }, row.name);
  const pressed = row.picked === undefined ? null : String(row.picked);
  return make("button", { onclick: row.open, "aria-pressed": pressed }, row.name);
}

/** A bar's number, and what it is made of before it. */
const numberOf = (row, words) => make("span", { class: "number" },
  row.note ? make("small", {}, `${row.note.replace(/ =$/, "\u00a0=")} `) : null, words); // no sign stands alone on a line

/** Bars to the left of a middle for what is below zero, to the right for what is above; `rows` are {name, value, note, open,
 * title}. */
export function signedBars(rows, title) {
  const largest = largestOf(rows.map((row) => row.value));
  return make("ul", { class: "bars signed", "aria-label": title }, rows.map((row) => {
    const share = (Math.abs(row.value) / largest) * 50, below = row.value < 0;
    const style = `left: ${below ? 50 - share : 50}%; width: ${Math.max(share, 0.4)}%`;
    return make("li", { title: row.title, "data-value": row.value }, nameOf(row),
      make("span", { class: "track" }, make("span", { class: below ? "bar minus" : "bar plus", style })),
      numberOf(row, signed(row.value)));
  }));
}

/** Bars from the left. `rows` are {name, value, note, open, picked}; `share` makes of a value a share from 0 to 1. */
export function bars(rows, title, { share = null, kind = "" } = {}) {
  const largest = largestOf(rows.map((row) => row.value ?? 0)), long = share ?? ((value) => value / largest);
  return make("ul", { class: `bars ${kind}`, "aria-label": title }, rows.map((row) => {
    const style = `width: ${Math.max(0, Math.min(1, long(row.value ?? 0))) * 100}%`;
    return make("li", { title: row.title, "data-value": row.value }, nameOf(row),
      make("span", { class: "track" }, make("span", { class: "bar", style })), numberOf(row, number(row.value)));
  }));
}

/** What may be wider than its place: it scrolls in a box of its own, and that is said while something of it is hidden. The box is a
 * stop of the Tab key unless what is `inside` is one. */
export function wide(inside, title, kind = "", stop = true) {
  const box = make("div", { class: `scroll ${kind}`, tabindex: stop ? "0" : null, role: "region", "aria-label": title }, inside);
  const hint = make("p", { class: "quiet small", hidden: true }, "← It is wider than there is room for: scroll it sideways. →");
  let picked = box.querySelector('[aria-pressed="true"]'); // is brought into sight once, when the box has its place
  new ResizeObserver(() => {
    hint.hidden = box.scrollWidth <= box.clientWidth;
    if (!picked || !box.clientHeight) return;
    box.scrollTop += picked.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2;
    picked = null;
  }).observe(box);
  return make("div", { class: "wide" }, hint, box);
}

/** What an account tells: each thing with its formula and the numbers put in; a sum of products as bars too. */
export function toldLines(lines) {
  const formula = (line) => (line.filled ? `${line.formula} = ${line.filled} = ` : `${line.formula} = `);
  return make("ol", { class: "account" }, lines.map((line) => make("li", {},
    make("span", { class: "what" }, line.what),
    make("p", { class: "formula" }, formula(line), make("strong", {}, number(line.result))),
    line.parts?.length > 1 ? terms(line) : null)));
}

const LOW = "₀₁₂₃₄₅₆₇₈₉";

/** The terms of a sum as bars, the largest first, what the others come to, the bias, and the sum. */
function terms(line) {
  const digits = (name) => [...name].map((digit) => LOW.indexOf(digit)).join("");
  const bare = (name) => (/^[₀-₉]+$/.test(name) ? `place ${digits(name)}` : name);
  const named = (name, each) => (line.labels?.[each] ? `${name} ${line.labels[each]}` : bare(name));
  const product = (factors) => (factors ? `${put(factors[0])} · ${put(factors[1])} =` : "");
  const rows = line.parts.map(([name, value], each) => ({ name: named(name, each), value, note: product(line.factors?.[each]) }));
  if (line.left_out) rows.push({ name: `the other ${line.left_out}`, value: line.rest });
  if (line.bias !== null && line.bias !== undefined) rows.push({ name: "bias", value: line.bias });
  rows.push({ name: "sum", value: line.result });
  return signedBars(rows, `the terms of ${line.what}`);
}

/** How often numbers lie where: `told` as the server counts them. */
export function histogram(told, title) {
  const most = Math.max(...told.counts, 1), long = 360, high = 110, left = 8, base = 84;
  const inner = long - 2 * left, each = inner / told.counts.length;
  const [low, top] = [told.edges[0], told.edges.at(-1)], x = (value) => left + ((value - low) / (top - low || 1)) * inner;
  const bar = (count, at) => draw("rect", {
    class: "count", x: left + at * each, width: Math.max(0.5, each - 0.5),
    y: base - (count / most) * 72, height: (count / most) * 72,
  });
  const anchor = (tick) => (x(tick) < 24 ? "start" : x(tick) > long - 24 ? "end" : "middle");
  const label = (tick) => draw("text", { x: x(tick), y: high - 10, "text-anchor": anchor(tick) }, briefly(tick));
  const svg = draw("svg", { class: "drawing histogram", viewBox: `0 0 ${long} ${high}`, role: "img", "aria-label": title },
    told.counts.map(bar),
    draw("line", { class: "axis", x1: left, x2: long - left, y1: base, y2: base }),
    low < 0 && top > 0 ? draw("line", { class: "mark", x1: x(0), x2: x(0), y1: 8, y2: base }) : null,
    ticks(low, top, 4).map(label));
  const twin = make("details", {}, make("summary", {}, "The same as a table"));
  twin.addEventListener("toggle", () => {
    if (!twin.open || twin.children.length > 1) return;
    const row = (count, at) => [number(told.edges[at]), number(told.edges[at + 1]), count];
    twin.append(table(["#from", "#to", "#how many"], told.counts.map(row)));
  });
  const of = (many) => many.toLocaleString("en");
  const part = told.counted < told.of ? ` (the first ${of(told.counted)} of ${of(told.of)})` : "";
  const zeros = told.zeros ? `, ${of(told.zeros)} of them exactly 0` : "";
  const words = `${title}: ${of(told.counted)} numbers${part} from ${number(low)} to ${number(top)}${zeros}`;
  return make("figure", {}, make("figcaption", {}, words), svg, twin);
}

/** A weight's move on a line: where it was, where it is now, and to which side the loss falls. */
export function move(old, fresh, gradient, silent = false) {
  const long = 420, high = 92, line = 44, middle = (old + fresh) / 2, right = fresh >= old, side = gradient > 0 ? -1 : 1;
  const away = Math.max(Math.abs(fresh - old), Math.abs(old) * 1e-6, 1e-12);
  const x = (value) => long / 2 + ((value - middle) / (away * 3.2)) * long;
  const sign = gradient > 0 ? "to the left: the gradient is positive" : "to the right: the gradient is negative";
  const downhill = gradient ? sign : "nowhere: the gradient is 0";
  const [was, is] = pair(old, fresh);
  const words = `from ${was} to ${is}, by ${signed(fresh - old)}; this batch's loss falls ${downhill}`;
  const way = side < 0 ? "← the loss falls this way" : "the loss falls this way →";
  const anchor = side < 0 ? "start" : "end";
  const svg = draw("svg", { class: "drawing move", viewBox: `0 0 ${long} ${high}`, role: "img", "aria-label": words },
    draw("line", { class: "axis", x1: 8, x2: long - 8, y1: line, y2: line }),
    draw("line", { class: "way", x1: x(old), x2: x(fresh), y1: line, y2: line }),
    fresh === old ? null : draw("path", { class: "tip", d: `M${x(fresh)},${line} l${right ? -11 : 11},-6 l0,12 z` }),
    draw("circle", { class: "old", cx: x(old), cy: line, r: 6 }),
    draw("text", { x: x(old), y: line - 16, "text-anchor": "middle" }, `old ${was}`),
    draw("text", { x: x(fresh), y: line + 26, "text-anchor": "middle" }, `new ${is}`),
    gradient ? draw("text", { class: "downhill", x: side < 0 ? 8 : long - 8, y: high - 6, "text-anchor": anchor }, way) : null);
  return make("figure", {}, svg, silent ? null : make("figcaption", { class: "quiet" }, `It went ${words}.`));
}
