// What the server answered, where this page is a file of its own (fogwalk report): the same questions, answered from the file.

import { addressWith, picks } from "./address.js";
import { make } from "./make.js";
import { counted } from "./words.js";

const element = document.getElementById("recording");
const MOST = 12; // links that are offered instead of what is not held

/** The recording, or null where a server answers. `held` tells what was asked for it. */
export const recording = element && await opened(element.textContent);

/** The bytes of every answer stand one behind the other; the header says which question has which. */
async function opened(text) {
  const packed = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const whole = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const size = new DataView(whole).getUint32(0, true),
    header = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, size)));
  const bodies = whole.slice(4 + size);
  return {
    held: header.held,
    /** What the server answered; throws, in words, for what was not asked of it. */
    answer(path, query) {
      const found = header.answers[keyOf(path, query)];
      if (!found) throw missing(header.held, path, query);
      const [start, length, status, shape] = found;
      return new Response(bodies.slice(start, start + length), {
        status,
        headers: shape === null ? {} : { "x-shape": shape },
      });
    },
  };
}

/** A question as it stands in the header, whichever way it is written. */
function keyOf(path, query) {
  const given = Object.entries(query)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [name, String(value)]);
  return JSON.stringify([decodeURIComponent(path), given.sort(([one], [other]) => (one < other ? -1 : 1))]);
}

/** What a file does not hold, and what it holds instead. */
function missing(held, path, query) {
  const found = path.match(/\/(steps|frames)\/(\d+)/),
    given = (value) => value !== undefined && value !== null && value !== "";
  const told = "fogwalk observe, where the run is, shows everything";
  const step = found ? Number(found[2]) : given(query.step) ? Number(query.step) : null;
  if (query.edit || path.endsWith("/tried"))
    return refusal(`No other value can be tried here: this file holds numbers, and no network; ${told}.`);
  if (step !== null && !heldSteps().includes(step))
    return refusal(
      `This file holds ${listed("step", heldSteps())} of this, and not step ${step.toLocaleString("en")}; ${told}.`,
      heldSteps().map((one) => [`step ${one.toLocaleString("en")}`, { step: one }]),
    );
  if (found) {
    const row = Number(query.row ?? 0);
    if (!held.rows.includes(row))
      return refusal(
        `This file holds ${listed("row", held.rows)} of each step, and not row ${row}; ${told}.`,
        held.rows.map((one) => [`row ${one}`, { row: one }]),
      );
    return refusal(`This file holds step ${step.toLocaleString("en")}, but not this part of it; ${told}.`);
  }
  const asks = [
    ...held.prompts.map((prompt) => [prompt, { prompt, held: null, listener: null, speaker: null }]),
    ...held.records.map((one) => [`record ${one}`, { held: one, prompt: null }]),
  ];
  const known = given(query.held) ? held.records.includes(Number(query.held)) : held.prompts.includes(query.prompt);
  if ((given(query.prompt) || given(query.held)) && !known)
    return refusal(`This file cannot ask the model anything new: it holds the answers to what stands below; ${told}.`, asks);
  return refusal(`This file does not hold this; ${told}.`);
}

/** The steps that can be shown on the screen that is looked at. */
function heldSteps() {
  const { screens, steps } = recording.held, own = screens[picks().view];
  return own?.length ? own : steps;
}

function refusal(words, links = []) {
  return Object.assign(new Error(words), { instead: links });
}

/** steps 1, 100 and 200. */
export function listed(what, values) {
  const told = values.map((value) => (typeof value === "number" ? value.toLocaleString("en") : value));
  if (!told.length) return `no ${what}`;
  return told.length === 1 ? `${what} ${told[0]}` : `${what}s ${told.slice(0, -1).join(", ")} and ${told.at(-1)}`;
}

/** Links to what is held instead of what an error says is not; nothing for other errors. */
export function instead(error) {
  const links = error.instead ?? [], each = Math.max(1, links.length / MOST);
  const shown = links.length > MOST ? Array.from({ length: MOST }, (_, at) => links[Math.floor(at * each)]) : links;
  return shown.length
    ? make(
        "ul",
        { class: "instead", "aria-label": "what this file holds" },
        shown.map(([title, changes]) => make("li", {}, make("a", { href: addressWith(changes) }, title))),
      )
    : null;
}

/** A step that can be shown where `wanted` is, on the way from `now`: of a recording only some. */
export function held(wanted, now) {
  if (!recording || wanted === now) return wanted;
  const known = heldSteps();
  return (
    (wanted > now
      ? (known.find((one) => one >= wanted) ?? known.at(-1))
      : (known.findLast((one) => one <= wanted) ?? known[0])) ?? wanted
  );
}

/** Those of some steps that can be shown. */
export const shown = (steps) => (recording ? steps.filter((one) => heldSteps().includes(one)) : steps);

/** On every screen of a file: what it is, and what of the run it holds. */
export function banner(view, run) {
  const { prompts, records, made, of } = recording.held, steps = heldSteps(), asks = ["answer", "round"].includes(view.id);
  const links = [
    ...(asks ? prompts.map((prompt) => [prompt, { prompt, held: null, listener: null, speaker: null }]) : []),
    ...(view.id === "answer" ? records.map((one) => [`record ${one}`, { held: one, prompt: null }]) : []),
    ...steps.map((step) => [`step ${step.toLocaleString("en")}`, { step }]),
  ];
  const what = view.id === "network" ? "frame" : "step";
  const many = asks ? `${counted(links.length - steps.length, "answer")}, and one of them at ` : "";
  const said = `${many}${counted(steps.length, what)} of its ${of.toLocaleString("en")}`;
  return make(
    "details",
    { class: "recording" },
    make("summary", {}, `A recording of ${run} of ${made}: it holds ${said}`),
    make(
      "ul",
      { class: "instead" },
      links.map(([title, changes]) => make("li", {}, make("a", { href: addressWith(changes) }, title))),
    ),
  );
}
