// Station 3: what each answer cost; their mean is the loss.

import { make } from "../make.js";
import { number } from "../words.js";
import { bars, visible } from "./drawings.js";
import { explained } from "./say.js";

export async function loss(step) {
  const told = await step.station("loss"), texts = Boolean(told.rows), classes = told.name === "cross-entropy";
  const worst = told.answers.reduce((one, other) => (other.loss > one.loss ? other : one), told.answers[0]);
  const named = (answer) => (texts ? `place ${answer.at}, after ${visible(answer.token)}` : `row ${answer.at}`);
  const wrong = classes
    ? `The costliest ${texts ? `of row ${step.row}` : "of all"}: at ${named(worst)}, right was ${visible(worst.right)}, to which the network gave ${number(worst.p)}; it expected ${visible(worst.best)}, ${number(worst.best_p)}. That cost ${number(worst.loss)}.`
    : `The costliest: ${named(worst)}, right was ${worst.right}, the network said ${worst.best}. That cost ${number(worst.loss)}.`;
  const guess = told.guessing === null ? "" : ` Guessing blindly would cost ${number(told.guessing)}.`;
  return [
    explained(step.say, {
      plain: [told.plain, `${wrong}${guess} The mean of all ${told.many.toLocaleString("en")} answers is the loss, ${number(told.loss)}: the one number that the step tries to make smaller.`],
      maths: [told.formula, `L = Σ c·l, ${told.share}`, classes ? `${named(worst)}: ${told.share.includes("weights") || told.formula.includes("s)") ? `l = ${number(worst.loss)}, p = ${number(worst.p)}` : `-log ${number(worst.p)} = ${number(worst.loss)}`}` : `${named(worst)}: y = ${number(worst.y)}, right = ${number(worst.target)}, l = ${number(worst.loss)}`],
      code: `outputs = model(batch.inputs)\n${told.code}`,
    }),
    texts ? make("h2", {}, "The mean of each row; their mean is the loss") : null,
    texts ? bars(told.rows.map((one) => ({ name: `row ${one.row}`, value: one.loss, open: () => step.pickRow(one.row), picked: one.row === step.row })), "mean loss of each row", { kind: "means" }) : null,
    texts ? meanOf(told.rows.map((one) => one.loss), told) : null,
    make("h2", {}, texts ? `Row ${step.row}, place by place` : "Each answer"),
    bars(told.answers.map((one) => ({
      name: texts ? `${one.at} ${visible(one.token)} → ${visible(one.right)}` : `row ${one.at}: ${one.right}`,
      value: one.loss,
      note: classes ? `p ${number(one.p)}${one.best === one.right ? ", its first guess" : `; guessed ${visible(one.best)} ${number(one.best_p)}`}` : `said ${one.best}`,
      open: texts ? null : () => step.pickRow(one.at), picked: one.at === step.row,
    })), "loss of each answer", { kind: "answers" }),
    told.of > told.answers.length ? make("p", { class: "quiet" }, `The first ${told.answers.length} of ${told.of} are shown; the mean is of all.`) : null,
    texts ? null : meanOf(told.answers.map((one) => one.loss * one.counted * told.many), told),
  ];
}

/** The mean written out: a few of its terms, how many there are, and what comes out. */
function meanOf(values, told) {
  const few = values.slice(0, 4).map(number), more = values.length > few.length ? " + …" : "", evenly = told.share.includes("how many");
  return make("p", { class: "formula mean" }, evenly ? `(${few.join(" + ")}${more}) / ${values.length} = ` : `Σ c·l, ${told.share} = `, make("strong", {}, String(Number(told.total.toPrecision(6)))), " = the loss");
}
