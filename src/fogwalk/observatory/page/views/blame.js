import { go } from "../address.js";
import { heatmap } from "../heatmap.js";
import { make, table } from "../make.js";
import { ask, run as at } from "../server.js";
import { number } from "../words.js";

const WHAT = {
  gradient: ["blame of each parameter: the length of ∂L/∂(it), by powers of ten", true],
  change: ["each update beside the parameter it moved: length over length, by powers of ten", true],
  dead: ["share of a layer's units that are zero for the whole probe batch", false],
  size: ["size of what each layer makes: the root of its mean square, by powers of ten", true],
};

export const blame = {
  id: "blame",
  title: "Blame map",
  question: "Which parts learn, and which are dead?",
  needs: ["run"],

  async draw(place, { opened, picks }) {
    const measures = await ask(`${at(opened.name)}/measures`), steps = measures.form.steps;
    if (!steps.length) throw new Error("This run was not looked into while it trained (--insight.every 0), or has not begun to be.");
    const there = Object.keys(WHAT).filter((what) => Object.keys(measures.numbers).some((name) => name.startsWith(`${what}/`)));
    const what = there.includes(picks.what) ? picks.what : there[0];
    const choice = make("select", { "aria-label": "what is shown", onchange: (event) => go({ what: event.target.value }) }, there.map((one) => make("option", { value: one, selected: one === what }, WHAT[one][0])));
    const names = Object.keys(measures.numbers).filter((name) => name.startsWith(`${what}/`));
    const values = names.map((name) => measures.numbers[name].map((value) => (Array.isArray(value) ? Math.max(...value.flat(9)) : value)));
    const [title, powers] = WHAT[what], known = values.flat().filter((value) => value !== null && (!powers || value > 0));
    const by = (value) => (powers ? Math.log10(Math.max(value, 1e-30)) : value);
    const [low, high] = powers ? [by(Math.min(...known)), by(Math.max(...known))] : [0, 1];
    const map = heatmap({ values, title, rows: names.map((name) => name.slice(what.length + 1)), columns: steps.map((step) => `step ${step}`), share: (value) => (by(value) - low) / (high - low || 1), open: (row, column) => go({ view: "step", step: Math.max(1, steps[column]), station: "blame", at: names[row].slice(what.length + 1) }) });
    const last = names.map((name, row) => [name.slice(what.length + 1), values[row].at(-1)]).sort((one, other) => (other[1] ?? -1) - (one[1] ?? -1));
    place.append(
      make("h1", {}, this.question), make("div", { class: "controls" }, make("label", {}, "show ", choice)),
      make("p", { class: "quiet" }, `From the looks inside at ${steps.length} steps; the colours run from ${number(powers ? 10 ** low : low)} (dark) to ${number(powers ? 10 ** high : high)} (light). A click opens the step there.`),
      map, make("h2", {}, `At step ${steps.at(-1)}, the most first`), table(["", `#${what}`], last.map(([name, value]) => [name, number(value)])),
    );
  },
};
