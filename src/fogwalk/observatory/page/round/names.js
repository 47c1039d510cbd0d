// How tokens, tables and measures are called on the round table's screen.

/** A token as the server writes it, in quotation marks, made short for a chair: its marks off, a space at its ends visible. */
export function plain(token, most = Infinity) {
  const bare = /^(['"]).*\1$/s.test(token) ? token.slice(1, -1) : token,
    text = bare.replace(/^ | $/g, "␣"),
    letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

/** layers.1.attention is the table of layer 1. */
export const layerOf = (table) => table.replace(/^layers\.(\d+)\.attention$/, "layer $1");
export const headOf = ({ table, head }) => `${layerOf(table)}, head ${head}`;

/** `is` is what a number is called, `scale` what the widest arc and the brightest square stand for; null is the largest there is.
    What has no sign is coloured by its square root, so that small shares show. */
export const MEASURES = {
  weight: {
    title: "share of attention",
    is: "share",
    scale: 1,
    signed: false,
    told: "How much of its attention a listener gives to each speaker. The shares of one listener add up to 1.",
  },
  value: {
    title: "share x length of the value",
    is: "p·|v|",
    scale: null,
    signed: false,
    told: "The share times the length of what the speaker lends, p·|v|: of a small value little is heard, however large " +
      "its share.",
  },
  effect: {
    title: "effect on the answer's score",
    is: "added",
    scale: null,
    signed: true,
    told: "What each speaker, through this head and the output matrix, adds to the score of the token that the listener " +
      "finds likeliest next (its logit less the mean of all), the last norm's scale held as it was. Over all speakers, " +
      "all heads and the bias it adds up to what the layer adds in explain --prompt; what later layers make of it is " +
      "theirs.",
  },
};
