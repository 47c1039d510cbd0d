// What a run gets wrong: in plain words, as formulas with the numbers of what was held back, and in code.

import { largestOf } from "../extent.js";
import { put } from "../step/drawings.js";
import { number } from "../words.js";

/** Who is taken for whom, and the scores that are made of it. */
export function ofConfusion({ classes, of, confusion: counts, scores }) {
  const sums = counts.map((row) => row.reduce((sum, count) => sum + count, 0)), hits = counts.map((row, at) => row[at]);
  const whole = of === classes.length, total = (list) => list.reduce((sum, count) => sum + count, 0);
  const recall = hits.map((count, at) => count / sums[at]), least = recall.indexOf(Math.min(...recall.filter(Number.isFinite)));
  const shared = (part, every) => `${part.toLocaleString("en")} / ${every.toLocaleString("en")} =`;
  return {
    plain: "A row is what is right, a column what is answered; light is many.",
    maths: [
      "n[i, j] counts what is i and was answered j; row(i) = Σ n[i, j] over j, column(i) = Σ n[j, i] over j",
      `light = ln(1 + n) / ln(1 + ${largestOf(counts.flat()).toLocaleString("en")})`,
      `accuracy = Σ n[i, i] / Σ n = ${whole ? `${shared(total(hits), total(sums))} ` : ""}${number(scores.accuracy)}`,
      whole && least >= 0 ? `recall(i) = n[i, i] / row(i), the least of all: recall(${classes[least]}) = `
        + `${shared(hits[least], sums[least])} ${number(recall[least])}` : null,
      `balanced accuracy = the mean of recall(i) = ${number(scores["balanced accuracy"])}`,
      `F1 = the mean of 2·n[i, i] / (row(i) + column(i)) = ${number(scores.F1)}`,
    ],
    code: `n = torch.bincount(right * ${of} + p.argmax(1), minlength=${of ** 2}).reshape(${of}, ${of})
hits, is_it, said = n.diag(), n.sum(1), n.sum(0)
accuracy = hits.sum() / n.sum()
there, either = is_it > 0, is_it + said > 0
balanced = (hits[there] / is_it[there]).mean()
f1 = (2 * hits[either] / (is_it + said)[either]).mean()`,
  };
}

/** The records that it gets most wrong, and the scores that are made of such errors. */
export function ofWorst({ confusion, worst, scores, unit, rows }, { center, scale }) {
  const [first] = worst, name = first && `${unit} ${first.place}`, many = worst.length;
  if (confusion)
    return {
      plain: "The largest loss, -ln of the right class's probability, first. Some may be right and only unsure.",
      maths: [
        "loss = -ln p(right)",
        first ? `${name}: -ln ${number(first.p_right)} = ${number(first.wrong)}` : null,
        `cross-entropy = the mean over all ${rows.toLocaleString("en")} = ${number(scores["cross-entropy"])}`,
      ],
      code: `p = model(${unit}s).softmax(1)\nloss = -p[range(len(right)), right].clamp(min=1e-15).log()\n`
        + `worst = loss.argsort(descending=True, stable=True)[:${many}]`,
    };
  return {
    plain: "The largest error first.",
    maths: [
      "off = |y - right|, y the answer",
      first ? `${name}: |${number(first.answer)} - ${put(first.right)}| = ${number(first.wrong)}` : null,
      `RMSE = √(mean of (y - right)²) = ${number(scores.RMSE)}`,
      `MAE = mean of off = ${number(scores.MAE)}`,
      `R² = 1 - mean of (y - right)² / mean of (right - mean of right)² = ${number(scores["R²"])}`,
    ],
    code: `y = model(${unit}s)[:, 0] * ${number(scale)} + ${put(center)}\noff = (y - right).abs()\n`
      + `worst = off.argsort(descending=True, stable=True)[:${many}]`,
  };
}
