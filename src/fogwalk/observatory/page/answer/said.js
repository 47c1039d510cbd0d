// How an answer comes of what the network gave: in plain words, as formulas with this answer's numbers, and in code.

import { KEPT } from "../sampling.js";
import { counted, number } from "../words.js";

const WRITTEN = 12; // classes whose scores are written out

/** Of the next token: `asking` are the settings, `latest` what they make of the logits. */
export function ofText({ found, logits, latest, asking }) {
  const { temperature: t, top_k: k, top_p: p } = asking, [best] = found.likeliest, score = logits[best.id];
  const shared = (score, t, share) => `e^(${number(score)}/${t}) / e^(${number(score / t - Math.log(share))}) = ${number(share)}`;
  const many = latest.cut.reduce((sum, why) => sum + (why === KEPT), 0), top = found.likeliest.find(({ id }) => !latest.cut[id]);
  const kept = latest.before.reduce((sum, share, token) => (latest.cut[token] ? sum : sum + share), 0);
  const drawn = top && [
    t === 1 ? null : `at T = ${t} ${top.name} has ${shared(logits[top.id], t, latest.before[top.id])}`,
    k === null && p === null ? null : `drawn with p / Σ p of the ${counted(many, "token")} kept: of ${top.name} `
      + `${number(latest.before[top.id])} / ${number(kept)} = ${number(latest.chances[top.id])}`,
  ];
  const cuts = [
    found.unsaid < 0 ? "" : `scores[${found.unsaid}] = -math.inf               # never said`,
    t === 1 ? "" : `scores = scores / ${t}`,
    k === null ? "" : `kept = scores.topk(${k})\n`
      + "scores = torch.full_like(scores, -math.inf).scatter(0, kept.indices, kept.values)",
    "p = scores.softmax(0)",
    p === null ? "" : "ordered, order = p.sort(descending=True, stable=True)\n"
      + `ordered[1:][(ordered.cumsum(0) - ordered)[1:] >= ${p}] = 0   # the likeliest stays\n`
      + "p = torch.zeros_like(p).scatter(0, order, ordered)\np = p / p.sum()",
    "token = torch.multinomial(p, 1)",
  ];
  return {
    plain: [
      "The network gives each token a score, its logit. Softmax makes of the scores probabilities that add up to 1: of two tokens "
        + "the one whose score is 1 more is 2.718 times as likely.",
      "Temperature: below 1 the likely become likelier, above 1 all grow alike; 0 is always the likeliest. fogwalk generate takes "
        + "0.8 unless told.",
      "Top-k keeps the k likeliest; the others are cut, and what is left is made to add up to 1. Top-p then keeps the fewest "
        + "likeliest that together have at least this probability.",
    ],
    maths: [
      "p = e^(s/T) / Σ e^(s/T), s the logits, T the temperature",
      `${best.name} at T = 1: ${shared(score, 1, found.probability)}`,
      ...(t === 0 ? ["at T = 0 the largest s has 1, all others 0"] : drawn ?? []),
      `H = -Σ p·ln p = ${number(found.structure.entropy)} nats, at T = 1`,
    ],
    code: ["scores = model(ids)[0, -1]               # the logits after the last token",
      ...(t === 0 ? ["token = scores.argmax()"] : cuts)].filter(Boolean).join("\n"),
  };
}

/** Of a row or an image. */
export function ofRecord({ structure, tensors: { outputs } }, { kind, classes, center, scale }) {
  const asked = kind === "image" ? "pixels" : "row";
  if (!Object.keys(structure.probabilities).length)
    return {
      plain: `The network gives one number, counted in standard deviations from the mean of what it learned from. Times that `
        + "deviation, plus that mean, it is the answer.",
      maths: ["y = o·deviation + mean", `${structure.target} = ${number(outputs[0])} · ${number(scale)} + ${number(center)} `
        + `= ${number(structure.now)}`],
      code: `y = model(${asked}) * ${number(scale)} + ${number(center)}`,
    };
  const right = classes.indexOf(structure.answer), more = outputs.length - WRITTEN;
  const sum = outputs.slice(0, WRITTEN).map((one) => `e^(${number(one)})`).join(" + ") + (more > 0 ? ` + … (${more} more)` : "");
  return {
    plain: "The network gives each class a score. Softmax makes of the scores probabilities that add up to 1: of two classes the "
      + "one whose score is 1 more is 2.718 times as likely. The likeliest is the answer.",
    maths: ["p(k) = e^(s[k]) / Σ e^(s)", `p(${structure.answer}) = e^(${number(outputs[right])}) / (${sum}) = ${number(structure.now)}`],
    code: `scores = model(${asked})\np = scores.softmax(-1)\nanswer = classes[p.argmax()]`,
  };
}
