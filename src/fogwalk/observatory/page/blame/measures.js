// What the looks inside a run measured, each with what it is, in words, as a formula and in code; and what of it is usual.

import { number } from "../words.js";

export const TITLES = {
  gradient: "blame of each parameter: the length of ∂L/∂(it)",
  change: "each update beside the parameter it moved",
  dead: "dead units of each layer",
  saturated: "saturated units of each layer",
  size: "size of what each layer makes",
  blame: "blame of what each layer makes",
};

/** The same of one of them. */
export const SHORT = {
  gradient: "the length of its gradient",
  change: "the last update, beside its length,",
  dead: "the share of its units that are dead",
  saturated: "the share of its numbers that are saturated",
  size: "the size of what it makes",
  blame: "the blame of what it makes",
};

export const WHAT = {
  gradient: {
    powers: true,
    rows: "parameters",
    plain:
      "How much the loss hangs on each parameter: light ones are pulled at, dark ones hardly. If the first layers stay " +
        "many times darker than the last, blame does not reach them and they do not learn.",
    maths: "|∂L/∂W| = √Σ (∂L/∂w)², colours by powers of ten",
    code: "loss.backward()\nW.grad.norm()",
  },
  change: {
    powers: true,
    rows: "parameters",
    plain:
      "How far the last update moved each parameter, as a share of how long it is. About a thousandth (1e-3) is usual " +
        "once it has settled; below 1e-5 it hardly learns, above 1e-1 it leaps. What began as zeros starts high; at the " +
        "end, where the learning rate goes to 0, all are slow.",
    maths: "|ΔW| / |W|, colours by powers of ten; usual: about 10⁻³",
    code: "(W_new - W_old).norm() / W_old.norm()",
  },
  dead: {
    powers: false,
    rows: "layers",
    plain:
      "The share of a layer's units that were zero for every record that was looked at. Such a unit passes on no blame, " +
        "so it cannot come back by itself. Up to a half is nothing to worry about; above nine tenths the layer is as " +
        "good as dead.",
    maths: "share of units with a = 0 for all records; dead: > 0.9",
    code: "(activation == 0).all(0).float().mean()",
  },
  saturated: {
    powers: false,
    rows: "layers",
    plain:
      "The share of a layer's numbers that lie where the curve of its activation is flat: blame hardly passes there. " +
        "Above nine tenths the layer hardly learns.",
    maths: "share of numbers with σ′ < 0.1·max σ′; saturated: > 0.9",
    code: "(slope(activation) < 0.1).float().mean()",
  },
  size: {
    powers: true,
    rows: "layers",
    plain:
      "How large the numbers are that each layer makes. They should stay within a few powers of ten of 1: if they grow " +
        "from layer to layer, so does blame on its way back.",
    maths: "√mean(h²), colours by powers of ten",
    code: "h.square().mean().sqrt()",
  },
  blame: {
    powers: true,
    rows: "layers",
    plain:
      "How much the loss hangs on what each layer makes. It should be of about one size from the last layer to the " +
        "first: less and less of it is vanishing, more and more exploding.",
    maths: "√mean((∂L/∂h)²)·records, colours by powers of ten",
    code: "h.grad.square().mean().sqrt() * records",
  },
};

/** What is to be known of a look before any update, where one measure has it: dark there is no fault. */
export const FIRST = {
  gradient: "matrices that begin as zeros, and a head that begins small, let little or no blame through until they have moved",
  blame: "matrices that begin as zeros, and a head that begins small, let little or no blame through until they have moved",
  size: "what begins as zeros makes zeros",
};

const FALLEN = 0.1; // of a run's largest rate, below which its updates are small by design

/** Whether the learning rate of the update before a look is far below the run's largest. */
export function rested({ rates = [] }, look) {
  const largest = Math.max(...rates.map((rate) => rate ?? 0), 0);
  return look >= 0 && rates[look] !== null && rates[look] < FALLEN * largest;
}

/** One number of it in a word; empty where there is none that fits. Before any update, `after` 0 steps, no blame is no fault;
    where the rate is `low`, a small update is none. */
export function marked(what, value, after, low = false) {
  if (value === null || value === undefined) return "";
  if (what === "change" && low && value < 1e-4) return "the rate is low";
  if (what === "change")
    return value < 1e-5 ? "hardly moves" : value < 1e-4 ? "slow" : value <= 1e-2 ? "usual" : value <= 1e-1 ? "fast" : "leaps";
  if (what === "dead" || what === "saturated")
    return value > 0.9 ? (what === "dead" ? "dead" : "saturated") : value > 0.5 ? "more than half" : "fine";
  if (what === "gradient" && value === 0) return after === 0 ? "no blame yet" : "no blame arrives";
  return "";
}

/** What the latest look says, in a sentence; of updates, where the rate has fallen by then, the last before it fell. */
export function healthy(what, names, values, measures) {
  const { form: { steps }, rates = [] } = measures, last = steps.length - 1, fell = what === "change" && rested(measures, last);
  const look = fell ? steps.findLastIndex((_, each) => rates[each] && !rested(measures, each)) : last, after = steps[look];
  const known = names.map((name, each) => [name, values[each][look]]).filter(([, value]) => value !== null && value !== undefined);
  if (!known.length) return "The last look did not have it.";
  const least = known.reduce((one, other) => (other[1] < one[1] ? other : one)),
    most = known.reduce((one, other) => (other[1] > one[1] ? other : one));
  const said = ([name, value]) => {
    const word = marked(what, value, after);
    return `${name}, ${number(value)}${word ? ` (${word})` : ""}`;
  };
  const when = fell ? `After step ${after.toLocaleString("en")}, at the rate ${number(rates[look])},` : "At the last look";
  const why = fell ? ` It is judged there, for by the last look, after step ${steps[last].toLocaleString("en")}, the rate had `
    + `fallen to ${number(rates[last])}, and every update with it.` : "";
  return `${when} the most was in ${said(most)}, the least in ${said(least)}.${why}`;
}

/** Names as the data goes: embedding first, layers by their number, the last norm and the head at the end. */
export function inOrder(names) {
  const rank = (name) =>
    /^(embedding|positions|patches)/.test(name)
      ? 0
      : /^(norm|head)\b/.test(name)
        ? name.startsWith("head")
          ? 3
          : 2
        : name === "model"
          ? 4
          : 1;
  return [...names].sort((one, other) => rank(one) - rank(other) || one.localeCompare(other, "en", { numeric: true }));
}
