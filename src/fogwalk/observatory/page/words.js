// Numbers and times for people. `number` writes what `fogwalk explain` writes, digit for digit.

const BEHIND = 40; // digits that tell whether a number lies just between two

/** `write` with so many digits; of two that are equally near the even one, as Python has it. */
function rounded(write, digits) {
  const [exact, power] = write(digits + BEHIND).split("e"), kept = exact.slice(0, -BEHIND).replace(/\.$/, "");
  const between = /^50+$/.test(exact.slice(-BEHIND)) && Number(kept.at(-1)) % 2 === 0;
  return between ? `${kept}${power ? `e${power}` : ""}` : write(digits);
}

/** Four digits that count: 0.1235, -12.35, 0.001235, 1.230e-05. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "-";
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e5) return rounded((digits) => value.toFixed(digits), Math.max(0, 3 - Math.floor(Math.log10(size))));
  return rounded((digits) => value.toExponential(digits), 3).replace(/e([+-])(\d)$/, "e$10$2");
}

/** With its sign, whatever it is. */
export const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));

/** A bound or a rule, without zeros at its end: 0.02, 1. */
export const briefly = (value) => String(Number(value.toPrecision(4)));

/** 12.4k, 3.1M. */
export function short(value) {
  if (value === null || value === undefined) return "-";
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= size) return `${(value / size).toFixed(1)}${letter}`;
  }
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}

/** 1:02:03, 4:05. */
export function clock(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "-";
  const whole = Math.max(0, Math.round(seconds)), parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, at) => (at ? String(part).padStart(2, "0") : part)).join(":");
}

/** How a run stands, for people: the word of its folder where that says it. */
export const standing = (state) => (state === "interrupted" ? "ended early, on request" : state);

/** 1 step, 2 steps. */
export const counted = (many, what) => `${many.toLocaleString("en")} ${what}${many === 1 ? "" : "s"}`;
