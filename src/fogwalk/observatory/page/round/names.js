// How tokens, tables and measures are called on the round table's screen, and how each measure is explained.

import { make } from "../make.js";
import { visible } from "../step/drawings.js";

/** A token as it stands alone, on a chair or in a table: its marks off, its blanks visible; made short where it must be. */
export function plain(token, most = Infinity) {
  const text = visible(token), letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

/** A token as it stands in a sentence: within its marks, for it may be a comma; its blanks visible as everywhere. */
export const spoken = (token) => token.replace(/ /g, "␣");

/** A sentence with the blanks of the tokens that it names visible. */
export const quoted = (words) => words.replace(/(['"])[^'"]*\1/g, spoken);

/** A text whose numbers do not break at the hyphen of their power: 3.690e-05 stays in one line. */
export const unbroken = (text) => text.split(/(\d[\d.]*e[+-]\d+)/)
  .map((part, at) => (at % 2 ? make("span", { class: "unbroken" }, part) : part)).filter(Boolean);

/** layers.1.attention is the table of layer 1. */
export const layerOf = (table) => table.replace(/^layers\.(\d+)\.attention$/, "layer $1");
export const headOf = ({ table, head }) => `${layerOf(table)}, head ${head}`;

/** Whether a transformer normalises its stream once more before the scores: where each part's sum is normalised, nothing is. */
export const endsNormed = (settings) => settings["model.normalisation"] !== "none" && settings["model.norm_place"] !== "after";

/** The direction in which the score of the answer grows, as a formula and in code; `normed` where the last norm stands before it,
    whose scale is held as it was. */
export const towards = (normed) => ({
  maths: normed
    ? ["d = r·g·(U[answer] - mean of U), U the unembedding, one row a token",
      "r = 1/√(mean of x² + ε) and g: the last norm's scale, held as it was, and its gain; x: what that norm read at this place"]
    : ["d = U[answer] - mean of U, U the unembedding, one row a token"],
  code: "d = head.weight[answer] - head.weight.mean(0)   # the unembedding\n" + (normed
    ? "d = d * norm.weight * torch.rsqrt(x.square().mean() + norm.epsilon)   # the last norm; x: what it read at this place\n" : ""),
});

/** `is` is what a number is called, `scale` what the widest arc and the brightest square stand for; null is the largest there is.
    What has no sign is coloured by its square root, so that small shares show. `told` explains it: `width` is that of a head,
    `distance` whether the distance of two places adds to their score, `normed` as of `towards`. */
export const MEASURES = {
  weight: {
    title: "share of attention",
    is: "share",
    sign: "p",
    scale: 1,
    signed: false,
    told: (model) => ({
      plain: "How much of its attention a listener gives to each speaker. The shares of one listener add up to 1.",
      maths: [shareOf(model), "mask: 0 for a place that may be heard, -∞ for one that comes later"],
      code: `s = q @ k.transpose(-1, -2) / math.sqrt(head_width)${model.distance ? " + distance" : ""}\n`
        + "p = (s + mask).softmax(-1)   # mask: -inf for a place that comes later, else 0",
    }),
  },
  value: {
    title: "share x length of the value",
    is: "p·|v|",
    sign: "p·|v|",
    scale: null,
    signed: false,
    told: (model) => ({
      plain: "The share times the length of what the speaker lends, p·|v|: of a small value little is heard, however large " +
        "its share.",
      maths: ["p·|v|, |v| = √(Σ v²)", shareOf(model)],
      code: "p * v.norm(dim=-1)   # p: the shares; v: the values of the speakers",
    }),
  },
  effect: {
    title: "effect on the answer's score",
    is: "added",
    sign: "p·(O·v)·d",
    scale: null,
    signed: true,
    told: ({ normed }) => ({
      plain: "What each speaker, through this head and the output matrix, adds to the score of the token that the listener " +
        "finds likeliest next (its logit less the mean of all), the last norm's scale held as it was. Over all speakers, " +
        "all heads and the bias, it adds up for the last listener to what the Answer screen tells of this layer; what later " +
        "layers make of it is theirs.",
      maths: ["p·(O·v)·d, O the output matrix, its columns of this head", ...towards(normed).maths],
      code: `${towards(normed).code}p * (v @ O.T @ d)   # p: the shares; v: the values; O: the output matrix, its columns of this head`,
    }),
  },
};

const shareOf = ({ width, distance }) => `p = softmax(q·k/√w${distance ? " + distance" : ""} + mask)${width ? `, w = ${width}` : ""}`;
