// A text that a model is asked about, on every screen alike: how long it may be, and how much of it the address of the page
// holds.

import { counted } from "./words.js";

const LONGEST = 20_000; // letters, as the server has it
const WIDEST = 60_000; // letters that it may take in the server's address; outside the Latin alphabet one takes up to 12
const KEPT = 2_000; // letters that stand in the address of the page

const letters = (text) => [...text];

/** The text as it can be asked about. Throws, in words, for none and for one that is too long to be asked. */
export function askable(text) {
  if (!text) throw new Error("There is no text to read: write how a text begins.");
  const many = letters(text).length, wide = new URLSearchParams({ text }).toString().length;
  if (many <= LONGEST && wide <= WIDEST) return text;
  const most = Math.min(LONGEST, Math.floor((many * WIDEST) / wide)).toLocaleString("en");
  throw new Error(`The text is ${counted(many, "letter")} long, and of such letters at most ${most} are asked about. ` +
    "Shorten it to its end.");
}

/** As it stands in the address: a long text's end. */
export const kept = (text) => (text && letters(text).length > KEPT ? letters(text).slice(-KEPT).join("") : text);

/** A word where the address does not hold the whole text; nothing else. */
export function unkept(text) {
  const many = letters(text).length;
  if (many <= KEPT) return "";
  return `The address of this page holds the last ${KEPT.toLocaleString("en")} of its ${counted(many, "letter")}: a ` +
    "reload, or a link from here, reads those.";
}
