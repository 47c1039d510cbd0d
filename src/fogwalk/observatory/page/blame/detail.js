// One parameter or layer opened: its history over the looks, and how its numbers lie in the step made again at one of them.

import { addressWith } from "../address.js";
import { ticks } from "../curve.js";
import { ends } from "../extent.js";
import { draw, make, table } from "../make.js";
import { ask, run as at } from "../server.js";
import { histogram } from "../step/drawings.js";
import { counted, number } from "../words.js";
import { SHORT as TITLES, WHAT, marked, rested } from "./measures.js";

const DRAWN = {
  parameter: (name) => [
    [`gradient/${name}`, "its gradient in that step"],
    [`old/${name}`, "its weights before that step"],
    [`change/${name}`, "how that step moved them"],
  ],
  layer: (name) => [
    [`value/${name}.output`, "what it makes in that step"],
    [`blame/${name}.output`, "the blame of what it makes"],
  ],
};

export function detail(state, measures) {
  const place = make("section", { id: "picked", "aria-live": "polite" });
  let turn = 0;
  async function show(what, name, look) {
    const mine = ++turn,
      kind = WHAT[what].rows === "parameters" ? "parameter" : "layer",
      step = Math.max(1, look),
      steps = measures.form.steps;
    const values = measures.numbers[`${what}/${name}`],
      column = steps.indexOf(look),
      value = values[column],
      word = marked(what, value, look, rested(measures, column));
    const lies = make(
      "div",
      { class: "three" },
      make("p", { class: "quiet", role: "status" }, `Step ${step} is made again …`),
    );
    const link = kind === "parameter" ? { station: "update", parameter: name } : { station: "forward", at: name };
    place.replaceChildren(
      make("h2", {}, name),
      make("p", {}, `${look ? `After step ${look}` : "Before any update"}: ${TITLES[what]} is ` +
        `${number(value)}${word ? `, ${word}` : ""}.`),
      history(steps, values, look, WHAT[what].powers, `${name} over ${counted(steps.length, "look")}`),
      make("h3", {}, `In step ${step}`),
      lies,
      make(
        "p",
        {},
        make("a", { href: addressWith({ view: "step", run: state.run, step, ...link }, {}) }, `Open step ${step}`),
      ),
    );
    const drawn = [];
    for (const [tensor, title] of DRAWN[kind](name)) {
      try {
        drawn.push(histogram(await ask(`${at(state.run)}/steps/${step}/histogram`, { name: tensor }), title));
      } catch (error) {
        if (!drawn.length) drawn.push(make("p", { class: "trouble" }, error.message));
        break;
      }
      if (mine !== turn) return;
    }
    if (mine === turn) lies.replaceChildren(...drawn);
  }
  return { place, show };
}

/** A small curve over the looks; the one that is picked is marked. */
function history(steps, values, look, powers, title) {
  const room = document.getElementById("screen").clientWidth,
    wide = Math.max(260, Math.min(560, room - 24)), // so that letters are as large on a telephone
    high = 150,
    left = 78,
    right = 12,
    top = 10,
    base = 122,
    by = (value) => (powers ? Math.log10(value) : value);
  const known = steps
    .map((step, each) => [step, values[each]])
    .filter(([, value]) => value !== null && (!powers || value > 0));
  if (!known.length) return make("p", { class: "quiet" }, "It was never more than 0.");
  let [low, most] = ends(known.map(([, value]) => by(value)));
  if (low === most) [low, most] = [low - 0.5, most + 0.5];
  const x = (step) => left + (step / Math.max(1, steps.at(-1))) * (wide - left - right),
    y = (value) => top + (1 - (by(value) - low) / (most - low)) * (base - top);
  const [first, last] = [known[0], known.at(-1)];
  const words =
    known.length > 1
      ? `From ${number(first[1])} after step ${first[0]} to ${number(last[1])} after step ` +
        `${last[0]}${first[1] ? `, ${number(last[1] / first[1])} times as much` : ""}.`
      : `${number(first[1])} after step ${first[0]}.`;
  const twin = make("details", {}, make("summary", {}, "The same as a table"));
  twin.addEventListener("toggle", () => {
    if (twin.open && twin.children.length === 1)
      twin.append(
        table(
          ["#after step", "#value"],
          steps.map((step, each) => [step, number(values[each])]),
        ),
      );
  });
  return make(
    "figure",
    {},
    draw(
      "svg",
      { class: "drawing history", viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": `${title}. ${words}` },
      ticks(low, most, 3).flatMap((tick) => [
        draw("line", {
          class: "axis",
          x1: left,
          x2: wide - right,
          y1: y(powers ? 10 ** tick : tick),
          y2: y(powers ? 10 ** tick : tick),
        }),
        draw(
          "text",
          { x: left - 6, y: y(powers ? 10 ** tick : tick) + 4, "text-anchor": "end" },
          number(powers ? 10 ** tick : tick),
        ),
      ]),
      ticks(0, steps.at(-1) || 1, wide < 420 ? 3 : 5).map((tick) =>
        draw("text", { x: x(tick), y: high - 6, "text-anchor": "middle" }, tick.toLocaleString("en")),
      ),
      draw("polyline", { class: "smooth", points: known.map(([step, value]) => `${x(step)},${y(value)}`).join(" ") }),
      draw("line", { class: "pointer", x1: x(look), x2: x(look), y1: top, y2: base }),
      known.length <= 60
        ? known.map(([step, value]) =>
            draw("circle", {
              class: step === look ? "dot picked" : "dot",
              cx: x(step),
              cy: y(value),
              r: step === look ? 5 : 3,
            }),
          )
        : null,
    ),
    make("figcaption", { class: "quiet" }, words),
    twin,
  );
}
