// The loss over the steps: a band from the lowest to the highest of each bucket, the smoothed loss, validations, and where guessing
// and counting would be. One step is pointed at, with the mouse or the arrow keys; Enter or a click opens it.

import { ends } from "./extent.js";
import { draw, make, table } from "./make.js";
import { number } from "./words.js";

const [LEFT, RIGHT, TOP, BOTTOM] = [56, 12, 20, 28];
const MARKS = { guessing: "guessing", frequencies: "counting alone" };

/** Marks by name, those `near` one another together. */
function alike(marks, near) {
  const found = new Map();
  for (const [name, loss] of Object.entries(marks)) {
    const same = [...found.keys()].find((one) => Math.abs(one - loss) < near) ?? loss;
    found.set(same, [
      ...(found.get(same) ?? []),
      same === loss || Math.abs(same - loss) < 1e-6 * Math.abs(loss) ? MARKS[name] : `${MARKS[name]} ${number(loss)}`,
    ]);
  }
  return [...found].map(([loss, names]) => [names.toReversed().join(" and "), loss]);
}

/** Round places of an axis between two values. */
export function ticks(low, high, most) {
  const rough = (high - low) / most || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const each = [1, 2, 5, 10].map((times) => times * size).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / each) * each; at <= high + each * 1e-9; at += each)
    found.push(Math.abs(at) < each * 1e-9 ? 0 : at);
  return found;
}

export function curve(open) {
  const svg = draw("svg", {
    class: "drawing",
    role: "slider",
    tabindex: "0",
    "aria-label": "the loss; arrow keys move over the steps, Enter opens one",
  });
  const sentence = make("p", { class: "sentence", role: "status" });
  const twin = make("details", {}, make("summary", {}, "The same as a table"));
  const key = (name, shape, extra) =>
    make("li", {}, draw("svg", { class: "drawing", viewBox: "0 0 30 12", "aria-hidden": "true" }, draw(shape, extra)), name);
  const legend = make(
    "ul",
    { class: "legend" },
    key("loss of each step, lowest to highest", "rect", { class: "band", x: 0, y: 2, width: 30, height: 8 }),
    key("smoothed", "line", { class: "smooth", x1: 0, x2: 30, y1: 6, y2: 6 }),
    key("validation", "line", { class: "validation-line", x1: 0, x2: 30, y1: 6, y2: 6 }));
  const place = make("div", {}, svg, legend, sentence, twin);
  let story = null, at = null, scale = null, above = "";

  function redraw() {
    if (!story) return;
    const wide = Math.max(280, place.clientWidth || 600), high = Math.min(380, Math.max(220, wide * 0.42));
    svg.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    const known = story.points.filter((point) => point[2] !== null);
    if (!known.length) {
      svg.replaceChildren(draw("text", { x: 12, y: 30 }, "No step is made yet."));
      sentence.textContent = "";
      return;
    }
    const losses = [
      ...known.flatMap((point) => [point[2], point[3]]),
      ...story.validations.map((one) => one[1]).filter(Number.isFinite),
    ];
    let [low, top] = ends(losses);
    for (const mark of Object.values(story.marks)) if (mark < low + 1.5 * (top - low)) top = Math.max(top, mark);
    if (top === low) [low, top] = [low - 0.5, top + 0.5];
    const last = Math.max(story.points.at(-1)[1], story.steps && story.steps < 1e9 ? story.steps : 0, 1);
    const x = (step) => LEFT + (step / last) * (wide - LEFT - RIGHT);
    const y = (loss) => TOP + (1 - (loss - low) / (top - low)) * (high - TOP - BOTTOM);
    scale = { x, last, wide };
    const lines = [];
    for (const tick of ticks(low, top, 5)) {
      lines.push(
        draw("line", { class: "axis", x1: LEFT, x2: wide - RIGHT, y1: y(tick), y2: y(tick) }),
        draw("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, String(Number(tick.toPrecision(6)))),
      );
    }
    for (const tick of ticks(0, last, wide < 500 ? 3 : 6))
      lines.push(draw("text", { x: x(tick), y: high - 8, "text-anchor": "middle" }, tick.toLocaleString("en")));
    above = "";
    for (const [name, loss] of alike(story.marks, ((top - low) * 15) / (high - TOP - BOTTOM))) {
      if (loss > top) above += `; ${name}, ${number(loss)}, is above the drawing`;
      else
        lines.push(
          draw("line", { class: "mark", x1: LEFT, x2: wide - RIGHT, y1: y(loss), y2: y(loss) }),
          draw("text", { x: wide - RIGHT, y: y(loss) - 4, "text-anchor": "end" }, `${name} ${number(loss)}`),
        );
    }
    const middle = (point) => x((point[0] + point[1]) / 2).toFixed(1);
    const band = [
      ...known.map((point) => `${middle(point)},${y(point[3]).toFixed(1)}`),
      ...known.toReversed().map((point) => `${middle(point)},${y(point[2]).toFixed(1)}`),
    ];
    lines.push(
      draw("polyline", {
        class: "raw",
        points: known.map((point) => `${middle(point)},${y(point[3]).toFixed(1)}`).join(" "),
      }),
    );
    lines.push(draw("polygon", { class: "band", points: band.join(" ") }));
    lines.push(
      draw("polyline", {
        class: "smooth",
        points: known
          .filter((point) => point[4] !== null)
          .map((point) => `${middle(point)},${y(point[4]).toFixed(1)}`)
          .join(" "),
      }),
    );
    const scored = story.validations.filter((one) => Number.isFinite(one[1]));
    lines.push(
      draw("polyline", {
        class: "validation-line",
        points: scored.map(([step, loss]) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`).join(" "),
      }),
    );
    for (const [step, loss] of scored) lines.push(draw("circle", { class: "validation", cx: x(step), cy: y(loss), r: 4 }));
    if (at !== null) lines.push(draw("line", { class: "pointer", x1: x(at), x2: x(at), y1: TOP, y2: high - BOTTOM }));
    svg.replaceChildren(...lines);
    say(known, scored);
  }

  function say(known, scored) {
    const [first, now] = [known[0], known.at(-1)];
    svg.setAttribute("aria-valuemin", first[0]);
    svg.setAttribute("aria-valuemax", now[1]);
    svg.setAttribute("aria-valuenow", at ?? now[1]);
    let told = `Loss ${now[4] <= first[4] ? "fell" : "rose"} from ${number(first[4])} to ${number(now[4])} (smoothed) ` +
      `in ${now[1].toLocaleString("en")} steps`;
    if (scored.length) told += `; validation is ${number(scored.at(-1)[1])} at step ${scored.at(-1)[0].toLocaleString("en")}`;
    told += above;
    if (at !== null) {
      const [from, to, low, high, smooth] = story.near(at);
      const where =
        from === to
          ? `step ${from.toLocaleString("en")}`
          : `steps ${from.toLocaleString("en")} to ${to.toLocaleString("en")}`;
      told = `${where}: loss ${low === high ? number(low) : `${number(low)} to ${number(high)}`}, smoothed ` +
        `${number(smooth)}. Enter opens step ${at.toLocaleString("en")}`;
    }
    sentence.textContent = `${told}.`;
    svg.setAttribute("aria-valuetext", told);
    if (twin.open) fill();
  }

  function fill() {
    const rows = story.points.map(([from, to, low, high, smooth]) => [
      from === to ? from : `${from} to ${to}`,
      number(low),
      number(high),
      number(smooth),
    ]);
    const scored = story.validations.map(([step, loss, metrics]) => [
      step,
      number(loss),
      Object.entries(metrics)
        .map(([name, value]) => `${name} ${number(value)}`)
        .join(", "),
    ]);
    twin.replaceChildren(
      twin.firstChild,
      table(["#steps", "#lowest", "#highest", "#smoothed"], rows),
      table(["#step", "#validation", "and"], scored),
    );
  }

  function point(to) {
    const first = story.points[0]?.[0] ?? 1, last = story.points.at(-1)?.[1] ?? 1;
    at = Math.min(last, Math.max(first, Math.round(to)));
    redraw();
  }

  svg.addEventListener("keydown", (event) => {
    if (!story?.points.length) return;
    const last = story.points.at(-1)[1], far = Math.max(1, Math.round(last / 20)), now = at ?? last;
    const moves = { ArrowLeft: now - 1, ArrowRight: now + 1, PageDown: now - far, PageUp: now + far, Home: 1, End: last };
    if (event.key in moves) point(moves[event.key]);
    else if (event.key === "Enter" && at !== null) open(at);
    else if (event.key === "Escape") { at = null; redraw(); }
    else return;
    event.preventDefault();
  });
  const stepAt = (event) =>
    ((((event.clientX - svg.getBoundingClientRect().left) / svg.getBoundingClientRect().width) * scale.wide - LEFT) /
      (scale.wide - LEFT - RIGHT)) *
    scale.last;
  svg.addEventListener("pointermove", (event) => {
    if (scale && story?.points.length) point(stepAt(event));
  });
  svg.addEventListener("click", (event) => {
    if (scale && story?.points.length) {
      point(stepAt(event));
      open(at);
    }
  });
  twin.addEventListener("toggle", () => {
    if (twin.open && story) fill();
  });
  new ResizeObserver(redraw).observe(place);
  return { place, show(told) { story = told; redraw(); } };
}

/** A small curve of a run's card, without axes. */
export function spark(values) {
  const known = values.filter((value) => value !== null);
  const svg = draw("svg", { viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true" });
  if (known.length < 2) return svg;
  const [low, high] = ends(known);
  const points = known.map(
    (value, at) => `${(at / (known.length - 1)) * 100},${28 - ((value - low) / (high - low || 1)) * 26}`,
  );
  svg.append(draw("polyline", { class: "spark", points: points.join(" "), "vector-effect": "non-scaling-stroke" }));
  return svg;
}
