import { go } from "../address.js";
import { heatmap } from "../heatmap.js";
import { make } from "../make.js";
import { answerPlane } from "../network/answer.js";
import { gallery, LINKS, net } from "../network/net.js";
import { sandbox } from "../network/sandbox.js";
import { workbench } from "../network/workbench.js";
import { recording } from "../recorded.js";
import { ask, run as at, tensor } from "../server.js";
import { number } from "../words.js";

const FEW = 16; // units of a layer that stand one by one; of more the matrix is drawn
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
    const kind = picks.links in LINKS ? picks.links : "weight";
    const choice = make(
      "select",
      { "aria-label": "links", onchange: (event) => go({ links: event.target.value }) },
      Object.entries(LINKS).map(([name, words]) => make("option", { value: name, selected: name === kind }, words)),
    );
    place.append(make("div", { class: "controls" }, make("label", {}, "links show the ", choice)));
    const wait = make("p", { class: "quiet", role: "status" }, "The network is made again as it was …");
    place.append(wait);
    try {
      const frame = await ask(`${at(opened.name)}/frames/${step}`);
      const beyond = Number(picks.step) > step ? make("p", { class: "trouble" }, notYet(picks.step, step)) : "";
      place.append(beyond);
      const muon = settings["optimizer.name"] === "muon";
      const drawn = frame.wide ? wide(place, opened, frame, kind) : await film(place, opened, frame, kind, picks, muon);
      return { ...drawn, show: (to) => { if (beyond) beyond.remove(); return drawn.show(to); } };
    } finally {
      wait.remove();
    }
  },
};

const notYet = (asked, step) =>
  `There is no step ${Number(asked).toLocaleString("en")} yet: the last, ${step.toLocaleString("en")}, is shown.`;

/** The network frame by frame. */
async function film(place, opened, frame, kind, picks, muon) {
  const frameAt = (number, edit) => ask(`${at(opened.name)}/frames/${number}`, { edit });
  let held = null, box = null, value = null, asking = false, again = false;
  const facts = make("dl", { class: "facts" }),
    below = make("div", {}),
    drawing = net(frame, (name, place) => hold({ name, at: place }));
  const plane = frame.plane ? answerPlane(frame) : null;
  place.append(facts, make("div", { class: plane ? "net-and-plane" : "" }, drawing.place, plane?.place ?? ""), below);
  if (muon) drawing.place.append(make("p", { class: "quiet" }, MUON));

  function draw(now = frame) {
    tell(facts, now);
    drawing.show(now, now.parameters[Object.keys(now.parameters)[0]][kind] ? kind : "weight", held);
    plane?.show(now);
    box?.say(frame, now, value);
  }
  /** Hold an entry, or none. */
  function hold(entry) {
    held = entry;
    value = null;
    go({ pick: held ? `${held.name}:${held.at.join(",")}` : null, value: null }, { quietly: true });
    box = held ? sandbox(held, frame, tried, open, letGo) : null;
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
        const now = await frameAt(frame.step, `${held.name}:${held.at.join(",")}:${value}`);
        if (!again && value !== null) draw(now);
      }
    } catch (error) {
      below.append(make("p", { class: "trouble", role: "alert" }, error.message));
    } finally {
      asking = false;
    }
  }
  const [name, places] = (picks.pick ?? "").split(":");
  if (places && name in frame.parameters) {
    const [entry, wanted] = [{ name, at: places.split(",").map(Number) }, picks.value];
    hold(entry);
    if (wanted !== undefined && Number.isFinite(Number(wanted))) await tried(Number(wanted));
  } else draw();
  return {
    show: async (number) => {
      frame = await frameAt(number);
      if (held && value !== null) await tried(value);
      else draw();
    },
    end: () => removeEventListener("keydown", leave),
  };
}

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

/** A network too wide for links: its first neurons, and each matrix of it on demand. */
function wide(place, opened, frame, kind) {
  const facts = make("dl", { class: "facts" }),
    drawing = gallery(frame),
    plane = frame.plane ? answerPlane(frame) : null;
  const matrices = make(
    "details",
    {},
    make("summary", {}, `The matrices: a layer of more than ${FEW} numbers has too many links to draw`),
  );
  let now = frame;
  matrices.addEventListener("toggle", async () => {
    if (!matrices.open || matrices.children.length > 1) return;
    const told = make("p", { class: "quiet", role: "status" }, "The step is made again …"), step = Math.max(1, now.step);
    matrices.append(told);
    try {
      const { structure } = await ask(`${at(opened.name)}/steps/${step}`);
      const names = structure.parameters.map((one) => one.name).filter((name) => /^(layers\.\d+|head)\.weight$/.test(name));
      const found = await Promise.all(names.map((name) => matrix(opened.name, step, name, kind)));
      told.textContent = `Step ${step}, before its update: the ${LINKS[kind]}.`;
      matrices.append(...names.map((name, each) => drawnMatrix(name, found[each], structure, each)));
    } catch (error) {
      [told.className, told.textContent] = ["trouble", error.message];
    }
  });
  const draw = () => {
    tell(facts, now);
    drawing.show(now);
    plane?.show(now);
    matrices.open = false;
    matrices.replaceChildren(matrices.firstChild);
  };
  place.append(facts, make("div", { class: plane ? "net-and-plane" : "" }, drawing.place, plane?.place ?? ""), matrices);
  draw();
  return { show: async (step) => {
    now = await ask(`${at(opened.name)}/frames/${step}`);
    draw();
  } };
}

async function matrix(run, step, name, kind) {
  const get = (what) => tensor(run, step, `${what}/${name}`);
  if (kind === "gradient") return get("gradient");
  const old = await get("old");
  if (kind === "weight") return old;
  const fresh = await get("new");
  return { shape: old.shape, values: fresh.values.map((value, each) => value - old.values[each]) };
}

function drawnMatrix(name, { shape: [rows, columns], values }, structure, each) {
  const largest = Math.max(...values.map(Math.abs), 1e-30),
    reads = (column) => (each ? `input ${column}` : (structure.input_names[column] ?? `input ${column}`));
  const across = rows > columns; // the longer side lies
  const nested = Array.from({ length: across ? columns : rows }, (_, down) =>
    Array.from({ length: across ? rows : columns }, (_, right) =>
      across ? values[right * columns + down] : values[down * columns + right],
    ),
  );
  const units = Array.from({ length: rows }, (_, unit) => `unit ${unit}`),
    inputs = Array.from({ length: columns }, (_, column) => reads(column));
  const [down, right] = across ? [inputs, units] : [units, inputs];
  return make(
    "section",
    {},
    make("h2", {}, `${name}: ${rows} units from ${columns} inputs`),
    heatmap({
      values: nested,
      title: `rows are ${across ? "what they read, columns units" : "units, columns what they read"}; light is large, ` +
        "of either sign",
      rows: down,
      columns: right,
      share: (value) => Math.abs(value) / largest,
      size: down.length <= 40 ? 14 : 6,
      square: true,
      twin: rows * columns <= 4000,
    }),
  );
}
