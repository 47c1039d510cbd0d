import { go } from "../address.js";
import { make } from "../make.js";
import { answerPlane } from "../network/answer.js";
import { gallery } from "../network/gallery.js";
import { kindOf, layerChoice, LINKS } from "../network/links.js";
import { net } from "../network/net.js";
import { sandbox, valueOf } from "../network/sandbox.js";
import { neuron } from "../network/say.js";
import { workbench } from "../network/workbench.js";
import { recording } from "../recorded.js";
import { ask, run as at } from "../server.js";
import { number } from "../words.js";

const MOST = 6; // parameters that are named where one is not found
const MUON = "Muon's matrices are the run's own here: where that is quick it makes them in bfloat16. One step takes it " +
  "in float32, " +
  "so a change may differ from the one told there in its third digit.";

export const network = {
  id: "network",
  title: "Network",
  question: "What does each neuron make of it?",
  needs: ["run"],
  steps: (opened) => (opened.kind === "plain" ? 0 : null),

  async draw(place, { opened, step, picks }) {
    const wrong = (words) => make("p", { class: "trouble", role: "alert" }, words);
    const settings = opened.planned.settings ?? {};
    place.append(
      make("h1", {}, this.question),
      recording
        ? ""
        : workbench(opened.kind === "plain" ? settings : {}, opened.kind !== "plain" || (opened.made ?? 0) === 0, opened),
    );
    if (opened.kind !== "plain")
      return place.append(
        make(
          "p",
          {},
          `This screen draws plain networks, and ${opened.name} is ` +
            `${opened.kind === "transformer" ? "a transformer: see its Round table" : `${opened.kind}: see One step`}. ` +
            "Start one here, or in a terminal: fogwalk train sample:moons --model.hidden 4",
        ),
      );
    const kind = picks.links && Object.hasOwn(LINKS, picks.links) ? picks.links : "weight", kinds = Object.keys(LINKS).join(", ");
    if (picks.links && picks.links !== kind)
      place.append(wrong(`The address has links show '${picks.links}', and they can show ${kinds}. Here they show the weight.`));
    const past = Number(picks.step) > step ? wrong(`The address names step ${Number(picks.step).toLocaleString("en")}, and ` +
      `${opened.name} has made ${step.toLocaleString("en")}: this is its last.`) : null;
    if (past) place.append(past);
    const choice = make(
      "select",
      { "aria-label": "links", onchange: (event) => go({ links: event.target.value }) },
      Object.entries(LINKS).map(([name, words]) => make("option", { value: name, selected: name === kind }, words)),
    );
    place.append(make("div", { class: "controls" }, make("label", {}, "links show the ", choice)));
    const wait = make("p", { class: "quiet", role: "status" }, "The network is made again as it was …");
    place.append(wait);
    try {
      const drawn = await film(place, opened, step, kind, picks, settings);
      return { ...drawn, show: (to) => { past?.remove(); return drawn.show(to); } };
    } finally {
      wait.remove();
    }
  },
};

/** The entry that the address picks, as layers.0.weight:3,1; throws, in words, for what is none. */
function entryIn(words) {
  const [, name, places] = words.match(/^([\w.]+):(\d{1,9}(?:,\d{1,9})?)$/) ?? [];
  if (!name) throw new Error(`The address picks '${words}', and an entry is written as layers.0.weight:3,1.`);
  return { name, at: places.split(",").map(Number) };
}

/** An entry as the server is asked for it. */
const asked = ({ name, at }) => `${name}:${at.join(",")}`;

/** The network frame by frame. */
async function film(place, opened, step, kind, picks, settings) {
  const layers = picks.layers ?? null;
  /** A frame; of a network whose parameters are not in it, with the value of the entry that is held, and its neuron's sum. */
  const frameAt = (number, edit, entry = null) => ask(`${at(opened.name)}/frames/${number}`, { edit, layers, entry });
  let frame = await frameAt(step);
  const entryOf = (one) => (one && frame.wide ? asked(one) : null);
  let held = null, box = null, value = null, asking = false, again = false;
  const facts = make("dl", { class: "facts" }),
    below = make("div", {}),
    drawing = (frame.wide ? gallery : net)(frame, (name, place) => chosen({ name, at: place }, true), opened.name);
  const plane = frame.plane ? answerPlane(frame) : null;
  const choice = layerChoice(frame);
  if (choice) place.append(choice);
  place.append(facts, make("div", { class: plane ? "net-and-plane" : "" }, drawing.place, plane?.place ?? ""), below);
  const said = neuron(picks, settings);
  place.append(said.place);
  if (settings["optimizer.name"] === "muon") drawing.place.append(make("p", { class: "quiet" }, MUON));

  function draw(now = frame) {
    tell(facts, now);
    drawing.show(now, kindOf(now, kind), held);
    plane?.show(now);
    said.show(now, held);
    box?.say(frame, now, value);
  }
  const wrong = (words) => below.replaceChildren(make("p", { class: "trouble", role: "alert" }, words));
  /** Hold an entry, once its value is known; says, in words, where there is no such entry. */
  async function chosen(entry, seen = false) {
    try {
      if (frame.wide) frame = await frameAt(frame.step, null, asked(entry));
    } catch (error) {
      held = null;
      draw();
      return wrong(error.message);
    }
    if (typeof valueOf(frame, entry) === "number") {
      hold(entry);
      if (seen && frame.wide) box.place.scrollIntoView({ block: "nearest" }); // where it was picked may be far from it
      return;
    }
    draw();
    wrong(`${opened.name} learns no ${entry.name}[${entry.at.join(", ")}] that could be picked. ` +
      `It has ${Object.entries(frame.parameters).slice(0, MOST).map(([name, { weight }]) => `${name} of ${sizeOf(weight)}`).join(", ")}` +
      `${Object.keys(frame.parameters).length > MOST ? " and others" : ""}, each counted from 0.`);
  }
  function hold(entry) {
    held = entry;
    value = null;
    go({ pick: held ? `${held.name}:${held.at.join(",")}` : null, value: null }, { quietly: true });
    box = held ? sandbox(held, valueOf(frame, held), tried, open, letGo) : null;
    below.replaceChildren(...(box ? [box.place] : []));
    draw();
  }
  /** How the held entry came to be: the update of this frame, at the entry. */
  function open() {
    const step = Math.max(1, frame.step), pin = `${held.name}[${held.at.join(",")}]`;
    go({ view: "step", step, station: "update", pin, pick: null, value: null, links: null });
  }
  /** Hold it no longer; the focus goes to where it was picked. */
  function letGo() {
    const { name, at } = held;
    hold(null);
    drawing.focus(name, at);
  }
  const leave = (event) => {
    if (event.key !== "Escape" || !held || event.defaultPrevented) return;
    event.preventDefault();
    letGo();
  };
  addEventListener("keydown", leave);
  /** Ask for the network with the held entry at a value; of many asked meanwhile only the last. */
  async function tried(other) {
    value = other;
    go({ value: other }, { quietly: true });
    if (value === null) return draw();
    again = true;
    if (asking) return;
    asking = true;
    try {
      while (again) {
        again = false;
        const now = await frameAt(frame.step, `${asked(held)}:${value}`, entryOf(held));
        if (!again && value !== null) draw(now);
      }
    } catch (error) {
      below.append(make("p", { class: "trouble", role: "alert" }, error.message));
    } finally {
      asking = false;
    }
  }
  draw();
  if (picks.pick) {
    const wanted = picks.value;
    try {
      await chosen(entryIn(picks.pick));
    } catch (error) {
      wrong(error.message);
    }
    if (held && wanted !== undefined && Number.isFinite(Number(wanted))) await tried(Number(wanted));
  }
  return {
    show: async (number) => {
      frame = await frameAt(number, null, entryOf(held));
      if (held && value !== null) await tried(value);
      else draw();
    },
    end: () => removeEventListener("keydown", leave),
  };
}

/** 4 x 2, or 4. */
const sizeOf = (values) => (Array.isArray(values[0]) ? `${values.length} x ${values[0].length}` : `${values.length}`);

/** How it does, for people. */
function tell(facts, frame) {
  const scored = frame.validation ?? {};
  const told = [
    ["step", `${frame.step.toLocaleString("en")} of ${frame.steps.toLocaleString("en")}`],
    ["loss of the update's batch", number(frame.loss)],
    ...(frame.logged !== null && frame.logged !== frame.loss ? [["in events.jsonl it is", number(frame.logged)]] : []),
    ["loss of the held-back rows", number(scored.loss)],
    ...Object.entries(scored)
      .filter(([name]) => name !== "loss")
      .map(([name, one]) => [name, number(one)]),
  ];
  facts.replaceChildren(...told.map(([name, one]) => make("div", {}, make("dt", {}, name), make("dd", {}, one))));
}
