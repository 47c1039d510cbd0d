import { go } from "../address.js";
import { heatmap } from "../heatmap.js";
import { make } from "../make.js";
import { answerPlane } from "../network/answer.js";
import { LINKS, net } from "../network/net.js";
import { sandbox } from "../network/sandbox.js";
import { workbench } from "../network/workbench.js";
import { ask, run as at, tensor } from "../server.js";
import { number } from "../words.js";

const FEW = 16; // units of a layer that stand one by one; of more the matrix is drawn

export const network = {
  id: "network",
  title: "Network",
  question: "What does each neuron make of it?",
  needs: ["run"],
  steps: (opened) => (opened.kind === "plain" ? (drawn(opened) ? 0 : 1) : null),

  async draw(place, { opened, step, picks }) {
    const settings = opened.planned.settings ?? {};
    place.append(make("h1", {}, this.question), workbench(opened.kind === "plain" ? settings : {}, opened.kind !== "plain" || (opened.made ?? 0) === 0, opened));
    if (opened.kind !== "plain") return place.append(make("p", {}, `This screen draws plain networks, and ${opened.name} is ${opened.kind === "transformer" ? "a transformer: see its Round table" : `${opened.kind}: see One step`}. Start one here, or in a terminal: fogwalk train sample:moons --model.hidden 4`));
    const kind = picks.links in LINKS ? picks.links : "weight";
    const choice = make("select", { "aria-label": "links", onchange: (event) => go({ links: event.target.value }) }, Object.entries(LINKS).map(([name, words]) => make("option", { value: name, selected: name === kind }, words)));
    place.append(make("div", { class: "controls" }, make("label", {}, "links show the ", choice)));
    return drawn(opened) ? film(place, opened, step, kind, picks) : wide(place, opened, step, kind);
  },
};

/** Whether its neurons can be drawn one by one, as far as its settings tell. */
const drawn = (opened) => ((opened.planned.settings ?? {})["model.hidden"] ?? []).every((size) => size <= FEW);

/** The network frame by frame. */
async function film(place, opened, step, kind, picks) {
  const frameAt = (number, edit) => ask(`${at(opened.name)}/frames/${number}`, { edit });
  let frame;
  try {
    frame = await frameAt(step);
  } catch (error) {
    if (!/one by one|read numbers/.test(error.message) || step < 1) throw error;
    return wide(place, opened, step, kind);
  }
  let held = null, box = null, value = null, asking = false, again = false;
  const facts = make("dl", { class: "facts" }), below = make("div", {}), drawing = net(frame, (name, place) => hold({ name, at: place }));
  const plane = frame.plane ? answerPlane(frame) : null;
  place.append(facts, make("div", { class: plane ? "net-and-plane" : "" }, drawing.place, plane?.place ?? ""), below);

  function draw(now = frame) {
    const scored = now.validation ?? {};
    const told = [["step", `${now.step.toLocaleString("en")} of ${now.steps.toLocaleString("en")}`], ["loss of the update's batch", number(now.loss)], ["loss of the held-back rows", number(scored.loss)], ...Object.entries(scored).filter(([name]) => name !== "loss").map(([name, one]) => [name, number(one)])];
    facts.replaceChildren(...told.map(([name, one]) => make("div", {}, make("dt", {}, name), make("dd", {}, one))));
    drawing.show(now, now.parameters[Object.keys(now.parameters)[0]][kind] ? kind : "weight", held);
    plane?.show(now);
    box?.say(frame, now, value);
  }
  /** Hold an entry, or none. */
  function hold(entry) {
    held = entry;
    value = null;
    go({ pick: held ? `${held.name}:${held.at.join(",")}` : null, value: null }, { quietly: true });
    box = held ? sandbox(held, frame, tried, () => go({ view: "step", step: Math.max(1, frame.step), station: "update", pin: `${held.name}[${held.at.join(",")}]`, pick: null, value: null, links: null }), () => hold(null)) : null;
    below.replaceChildren(...(box ? [box.place] : []));
    draw();
  }
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
  return { show: async (number) => {
    frame = await frameAt(number);
    if (held && value !== null) await tried(value);
    else draw();
  } };
}

/** A network too wide for single neurons: each matrix of it. */
async function wide(place, opened, step, kind) {
  if (!opened.made) throw new Error("This run has made no step yet.");
  const told = make("p", { class: "quiet", role: "status" }, "The step is made again …");
  place.append(told);
  const { structure } = await ask(`${at(opened.name)}/steps/${step}`);
  const names = structure.parameters.map((one) => one.name).filter((name) => /^(layers\.\d+|head)\.weight$/.test(name));
  const found = await Promise.all(names.map((name) => matrix(opened.name, step, name, kind)));
  told.textContent = `Step ${step} of ${structure.steps}: loss ${number(structure.loss.recomputed)}. A layer of more than ${FEW} numbers is drawn as its matrix, before the update.`;
  place.append(...names.map((name, each) => drawnMatrix(name, found[each], structure, each)));
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
  const largest = Math.max(...values.map(Math.abs), 1e-30);
  const nested = Array.from({ length: rows }, (_, row) => Array.from(values.slice(row * columns, (row + 1) * columns)));
  return make("section", {}, make("h2", {}, `${name}: ${rows} units from ${columns} inputs`),
    heatmap({ values: nested, title: "rows are units, columns what they read; light is large, of either sign", rows: nested.map((_, row) => `unit ${row}`), columns: nested[0].map((_, column) => (each ? `input ${column}` : structure.input_names[column] ?? `input ${column}`)), share: (value) => Math.abs(value) / largest, size: 10, square: true, twin: rows * columns <= 4000 }));
}
