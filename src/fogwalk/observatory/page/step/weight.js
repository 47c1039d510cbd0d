// One weight: how it moved, number by number; whether its gradient is true; and what the loss would be if it were another.

import { make } from "../make.js";
import { quoted } from "../round/names.js";
import { number, signed } from "../words.js";
import { move, pair, put, toldLines } from "./drawings.js";
import { shares, written } from "./pin.js";
import { explained } from "./say.js";

export async function weight(step, place) {
  const { name, at } = step.weight;
  let told;
  try {
    told = await step.ask("weight", { name, at, row: step.row });
  } catch (error) {
    return place.replaceChildren(make("p", { class: "trouble" }, error.message));
  }
  const whole = written(name, at), pinned = step.isPinned(whole);
  const own = step.walking && pinned; // then the strip above the stations tells what it is
  const pin = make("button", { id: "pin", "aria-pressed": String(pinned), onclick: () => step.pin(pinned ? null : whole) },
    pinned ? "Unpin this weight" : "Pin this weight");
  const tries = [finite(step, told), trial(step, told)];
  const formula = (line) => (line.filled ? `${line.formula} = ${line.filled}` : line.formula);
  const [old, now] = pair(told.old, told.new), parameter = `dict(model.named_parameters())["${name}"]`;
  place.replaceChildren(
    ...(own ? [] : [
      make("h2", {}, `One weight: ${whole}`), told.role ? make("p", {}, `It ${quoted(told.role)}.`) : "",
      make("div", { class: "controls" }, pin, make("span", { class: "quiet" }, "stays in sight at every station")),
    ]),
    move(told.old, told.new, told.gradient, own),
    explained(step.say, {
      plain: inWords(told, own),
      maths: told.lines.map((line) => `${formula(line)} = ${number(line.result)}`),
      code: `W = ${parameter}\nW.grad[${at}]    # ${number(told.clipped)}\nW[${at}]         # ${old} -> ${now}`,
    }),
    own ? "" : facts(told),
    make("details", {}, make("summary", {}, "every number, from gradient to new weight"),
      own ? facts(told) : null, toldLines(told.lines)),
    make("details", {}, make("summary", {}, "what each row says of it"), shares(told, step.pickRow)),
    ...(own ? [make("details", { id: "tries" }, make("summary", {}, "try it: move it a little, or give it another value"), tries)]
      : tries),
  );
}

const REMEMBERED = {
  exp_avg: "mean of gradients, before → after",
  exp_avg_sq: "mean of squares, before → after",
  momentum_buffer: "velocity, before → after",
  momentum: "mean of gradients, before → after",
};

/** Adam's means start from 0 and are too small at first: each is divided by how far it has filled. */
const CORRECTED = [["m̂ =", "mean, made up for its start at 0"], ["v̂ =", "mean of squares, made up too"]];

function facts(told) {
  const [was, is] = pair(told.old, told.new), memory = Object.entries(told.memory).filter(([what]) => what !== "step");
  const all = [
    ["old", was], ["gradient", signed(told.gradient)],
    ...(told.clipped === told.gradient ? [] : [["clipped", signed(told.clipped)]]),
    ...memory.map(([what, [before, after]]) => [REMEMBERED[what] ?? what, `${number(before)} → ${number(after)}`]),
    ...CORRECTED.flatMap(([sign, title]) => told.lines.filter((line) => line.formula.startsWith(sign))
      .map((line) => [title, number(line.result)])),
    ["rate", number(told.rate)], ["change", signed(told.change)], ["new", is],
  ];
  const fact = ([title, value]) => make("div", { "data-fact": title }, make("dt", {}, title), make("dd", {}, value));
  return make("dl", { class: "facts" }, all.map(fact));
}

function inWords(told, walking) {
  const larger = "If this weight were larger, the loss of this batch would";
  const would = (what, asks) => `${larger} ${what}, so the batch asks for ${asks} of it`;
  const none = "The loss of this batch does not hang on this weight";
  const way = told.gradient > 0 ? would("grow", "less") : told.gradient < 0 ? would("shrink", "more") : none;
  const other = told.gradient && told.change && Math.sign(told.gradient) === Math.sign(told.change);
  const against = " It moved the other way nevertheless: the optimizer also follows what earlier batches said, "
    + "or pulls weights towards 0.";
  const slope = `the gradient, ${signed(told.gradient)}, is how much the loss would change for each 1 that it is larger`;
  const sum = told.worked ? ` = ${told.worked}` : "";
  if (walking) return [`${way}.${other ? against : ""}`, adams(told)]; // the rest stands above the stations
  return [
    `${way}: ${slope}.${other ? against : ""}`,
    `${told.optimizer} made of it a change of ${signed(told.change)}${sum}: ${pair(told.old, told.new).join(" became ")}.`,
  ];
}

/** Of AdamW the quotient that makes a step, in words; null of others, whose sum stands above the stations. */
function adams({ optimizer, lines, numbers, memory, rate, gradient, clipped, change }) {
  const result = (sign) => lines.find((line) => line.formula.startsWith(sign))?.result;
  const [mean, squares] = ["m̂ =", "v̂ ="].map(result);
  if (optimizer !== "AdamW" || squares === undefined) return null;
  const usual = Math.sqrt(squares) + numbers.epsilon, step = signed(-rate * mean / usual);
  const scaled = clipped === gradient ? "The mean of its gradient and" : `Scaled, its gradient is ${signed(clipped)}; the mean with`;
  const who = memory.step?.[0] === 0 ? "At the first step the mean is the gradient itself," : `${scaled} those of earlier steps is`;
  const pulled = numbers.decay && step !== signed(change) ? `; with the pull towards 0 ${signed(change)}` : "";
  return `${who} ${signed(mean)}, their usual size ${number(usual)}: `
    + `-${number(rate)} · ${put(mean)} / ${number(usual)} = ${step}${pulled}.`;
}

/** The gradient checked by moving the weight: no calculus, only two more losses. */
function finite(step, told) {
  const result = make("div", { role: "status" });
  const button = make("button", { id: "nudge", onclick: check }, "Check the gradient by moving it");
  async function check() {
    result.replaceChildren(make("p", { class: "quiet" }, "Two more forward passes …"));
    try {
      result.replaceChildren(...checked(await step.ask("nudge", { name: told.name, at: told.at.join(",") })));
    } catch (error) {
      result.replaceChildren(make("p", { class: "trouble" }, error.message));
    }
  }
  const words = "Move the weight a little: the loss of this batch must move by so much.";
  return make("section", {}, make("h3", {}, "Is that gradient true?"), make("p", { class: "quiet" }, words), button, result);
}

function checked(found) {
  const largest = Math.max(Math.abs(found.slope), Math.abs(found.gradient));
  const off = largest ? Math.abs(found.slope - found.gradient) / largest : 0, right = off < 0.01;
  const exact = (value) => value.toPrecision(found.bits === 64 ? 12 : 8), [up, down] = [exact(found.up), exact(found.down)];
  const why = Math.abs(found.gradient) < 1e-7 ? "so small a gradient is within the rounding of float32."
    : "a bend in the loss, such as ReLU's, may lie between.";
  const verdict = right ? ": backpropagation is right." : ` of the larger; ${why}`;
  const apart = `They differ by ${(off * 100).toPrecision(2)} %${verdict}`;
  return [
    make("p", {}, `Moved by ${number(found.h)} up, the loss is ${up}; moved down, ${down}; as it is, ${exact(found.loss)}.`),
    make("p", { class: "formula" }, `(L₊ - L₋)/2h = (${up} - ${down})/(2·${number(found.h)}) = `,
      make("strong", { "data-slope": found.slope }, number(found.slope))),
    make("p", { class: right ? "good trouble" : "trouble" },
      `The gradient says ${number(found.gradient)}. `, largest ? apart : "Both are 0."),
  ];
}

/** The loss if this weight were another, on a copy. */
function trial(step, told) {
  const result = make("p", { role: "status" });
  const field = make("input", {
    type: "number", step: "any", id: "tried", value: Number(told.new.toPrecision(4)),
    "aria-label": "another value for this weight",
  });
  async function attempt(event) {
    event.preventDefault();
    try {
      const found = await step.ask("tried", { name: told.name, at: told.at.join(","), value: field.value });
      const value = number(found.value);
      result.textContent = found.loss === null ? `With ${value} the loss would be no number at all.`
        : `With ${value} instead of ${number(found.old)} the loss of this batch would be ${found.loss.toPrecision(7)}, `
          + `${signed(found.loss - found.before)} beside ${found.before.toPrecision(7)}.`;
    } catch (error) {
      result.textContent = error.message;
    }
  }
  const copy = make("span", { class: "quiet" }, "on a copy: nothing of the run changes");
  const label = make("label", {}, "this weight were ", field);
  const form = make("form", { class: "controls", onsubmit: attempt }, label, make("button", {}, "Try"), copy);
  return make("section", {}, make("h3", {}, "What if it were …"), form, result);
}
