// Station 3: what each answer cost; their mean is the loss.

import { make } from "../make.js";
import { number } from "../words.js";
import { bars, visible } from "./drawings.js";
import { explained } from "./say.js";

export async function loss(step) {
  const told = await step.station("loss"), texts = Boolean(told.rows), classes = told.name === "cross-entropy";
  const cut = `The first ${told.answers.length} of ${told.of} are shown; the mean is of all.`;
  return [
    explained(step.say, {
      plain: inWords(step, told, texts, classes),
      maths: [told.formula, `L = Σ c·l, ${told.share}`, worked(told, toldOf(step, told, texts), texts, classes)],
      code: `outputs = model(batch.inputs)\n${told.code}`,
    }),
    ...step.rest(
      ...(texts ? rows(step, told) : []),
      make("h2", {}, texts ? `Row ${step.row}, place by place` : "Each answer"),
      answers(step, told, texts, classes),
      told.of > told.answers.length ? make("p", { class: "quiet" }, cut) : null,
      texts ? null : meanOf(told.answers.map((one) => one.loss * one.counted * told.many), told),
    ),
  ];
}

const worstOf = (answers) => answers.reduce((one, other) => (other.loss > one.loss ? other : one), answers[0]);
const named = (answer, texts) => (texts ? `place ${answer.at}, after ${visible(answer.token)}` : `row ${answer.at}`);

/** The answer that is told of: the followed one, else the costliest. */
const toldOf = (step, told, texts) => followedOf(step, told, texts) ?? worstOf(told.answers);

/** The answer of the row and the place that are followed. */
function followedOf(step, told, texts) {
  if (!step.walking || !step.pinned) return null;
  const at = texts ? step.followed.focus?.place : step.row;
  return told.answers.find((one) => one.at === at) ?? null;
}

function inWords(step, told, texts, classes) {
  const own = followedOf(step, told, texts), worst = toldOf(step, told, texts), at = named(worst, texts);
  const cost = `That cost ${number(worst.loss)}.`;
  const best = visible(String(worst.best)), agreed = best === visible(String(worst.right));
  const expected = agreed ? "it expected that too, but was not sure" : `it expected ${best}, ${number(worst.best_p)}`;
  const gave = `to which the network gave ${number(worst.p)}${own ? "" : `; ${expected}`}. ${cost}`;
  const of = !classes ? "" : texts ? ` of row ${step.row}` : " of all";
  const lead = own ? `${texts ? "At" : "In"} ${at}${texts ? "," : ""}` : `The costliest${of}: ${classes ? "at " : ""}${at},`;
  const wrong = classes ? `${lead} right was ${visible(worst.right)}, ${gave}`
    : `${lead} right was ${worst.right}, the network said ${worst.best}. ${cost}`;
  const guess = told.guessing === null || step.walking ? "" : ` Guessing blindly would cost ${number(told.guessing)}.`;
  const mean = `The mean of all ${told.many.toLocaleString("en")} answers is the loss, ${number(told.loss)}`;
  return [told.plain, `${wrong}${guess} ${mean}, which the step is to make smaller.`];
}

/** Whether an answer costs -ln p alone: neither weighed nor smoothed. */
export const isBare = (told) => told.formula.startsWith("l = -ln") && !told.share.includes("weights");

/** An answer, the followed or the costliest, with its numbers put in. */
function worked(told, worst, texts, classes) {
  const at = named(worst, texts), cost = number(worst.loss);
  if (!classes) return `${at}: y = ${number(worst.y)}, right = ${number(worst.target)}, l = ${cost}`;
  return isBare(told) ? `${at}: -ln ${number(worst.p)} = ${cost}` : `${at}: l = ${cost}, p = ${number(worst.p)}`;
}

function rows(step, told) {
  const row = (one) => ({
    name: `row ${one.row}`, value: one.loss, open: () => step.pickRow(one.row), picked: one.row === step.row,
  });
  return [
    make("h2", {}, "The mean of each row; their mean is the loss"),
    bars(told.rows.map(row), "mean loss of each row", { kind: "means" }),
    meanOf(told.rows.map((one) => one.loss), told),
  ];
}

function answers(step, told, texts, classes) {
  const other = (one) => `; guessed ${visible(one.best)} ${number(one.best_p)}`;
  const guessed = (one) => (one.best === one.right ? ", its first guess" : other(one));
  return bars(told.answers.map((one) => ({
    name: texts ? `${one.at} ${visible(one.token)} → ${visible(one.right)}` : `row ${one.at}: ${one.right}`,
    value: one.loss,
    note: classes ? `p ${number(one.p)}${guessed(one)}` : `said ${one.best}`,
    open: texts ? null : () => step.pickRow(one.at), picked: one.at === step.row,
  })), "loss of each answer", { kind: "answers" });
}

/** The mean written out: a few of its terms, how many there are, and what comes out. */
function meanOf(values, told) {
  const few = values.slice(0, 4).map(number), more = values.length > few.length ? " + …" : "";
  const terms = told.share.includes("how many") ? `(${few.join(" + ")}${more}) / ${values.length}` : `Σ c·l, ${told.share}`;
  const mean = String(Number(told.total.toPrecision(6)));
  return make("p", { class: "formula mean" }, `${terms} = `, make("strong", {}, mean), " = the loss");
}
