import { addressWith } from "../address.js";
import { spark } from "../curve.js";
import { invited } from "../invited.js";
import { make } from "../make.js";
import { listed, recording } from "../recorded.js";
import { train } from "../train.js";
import { number, standing } from "../words.js";

const WAYS = [
  {
    title: "A demonstration",
    words: "A transformer learns English from the texts that Python carries: about 90 seconds, and no data of your own.",
    lines: ["fogwalk demo"],
  },
  {
    title: "Your own file",
    words: "A text, a table with a column to predict, or a folder of images for each class.",
    lines: ["fogwalk train book.txt", "fogwalk train table.csv --target COLUMN", "fogwalk train photos/"],
  },
  {
    title: "A sample",
    words: "Small and quick: two half moons that a plain network must part, or handwritten digits.",
    lines: ["fogwalk train sample:moons", "fogwalk train sample:digits"],
  },
];

export const start = {
  id: "start",
  title: "Start",
  question: "What can I do, and what did I train?",
  needs: [],

  async draw(place, { list }) {
    if (recording) return sent(place, list.runs[0], recording.held);
    const own = list.runs.filter((run) => !run.recorded), carried = list.runs.filter((run) => run.recorded);
    const latest = own.find((run) => run.step && !run.wrong);
    const form = await train().catch((error) => make("p", { class: "trouble" }, error.message));
    const recorded = "Recorded when this Fogwalk was made; every step of them can be looked into.";
    const none = `There is none in ${list.folder} yet. Below are runs to look at meanwhile.`;
    const way = ({ title, words, lines }) => make("li", { class: "card way" },
      make("strong", {}, title), make("span", { class: "quiet" }, words), make("pre", { tabindex: "0" }, lines.join("\n")));
    place.append(
      make("h1", {}, this.question),
      invited(list.runs, latest, latest?.name),
      make("section", { id: "train" }, make("h2", {}, "Train one"), form),
      make("section", {}, make("h2", {}, "Your runs"), own.length ? cards(own) : make("p", {}, none), older(list)),
      carried.length ? make("section", {}, make("h2", {}, "Runs that come along"),
        make("p", { class: "quiet" }, recorded), cards(carried)) : "",
      make("section", {}, make("h2", {}, "In a terminal"),
        make("p", {}, `In the folder that holds ${list.folder}. The page shows a run as soon as it begins.`),
        make("ul", { class: "cards" }, WAYS.map(way))),
      make("p", { class: "quiet" }, `This page reads ${list.folder}.`),
    );
  },
};

/** How many runs the list leaves out, and how they are opened. */
function older({ more, folder }) {
  if (!more) return "";
  const found = `${more.toLocaleString("en")} older ${more === 1 ? "run is" : "runs are"} in ${folder} and not shown here`;
  return make("p", { class: "quiet" }, `${found}. Each can be opened by its name in the address: `,
    make("code", {}, "?view=live&run=NAME"), ".");
}

const cards = (runs) => make("ul", { class: "cards" }, runs.map(card));
const links = (all) => make("ul", { class: "instead" }, all.map(([title, picks]) => make("li", {}, link(title, picks))));
const link = (title, picks) => make("a", { href: addressWith(picks, {}) }, title);

function card(run) {
  if (run.wrong) return damaged(run);
  const ask = (view, title) => link(title, { run: run.name, view });
  const best = run.best === null ? "" : `, best validation loss ${number(run.best)}`;
  const steps = run.steps ? ` of ${run.steps.toLocaleString("en")}` : "";
  const files = run.data.map((path) => path.split(/[\\/]/).at(-1)).join(", ");
  const inside = { plain: ["network", "Network"], transformer: ["round", "Round table"] }[run.kind];
  return make("li", { class: "card" },
    make("strong", {}, ask("live", run.name)),
    make("span", { class: "quiet", title: run.data.join(", ") }, `${run.task} from ${files}`), drawn(run),
    make("span", {}, `${standing(run.state)}, step ${(run.step ?? 0).toLocaleString("en")}${steps}${best}`),
    run.shows ? make("p", {}, run.shows) : null,
    ...(run.remarks ?? []).map((words) => make("span", { class: "trouble" }, words)),
    make("span", { class: "ways" }, ask("step", "One step"), inside ? ask(...inside) : null, ask("answer", "Answer")));
}

function damaged(run) {
  const remedy = [
    make("span", { class: "quiet" }, "It hides no other run. Mend what is said, or take it away: "),
    make("code", {}, `fogwalk remove ${run.name}`),
  ];
  return make("li", { class: "card" }, make("strong", {}, run.name), make("span", { class: "quiet" }, "damaged"),
    make("span", { class: "trouble" }, run.wrong), run.recorded ? null : remedy);
}

function drawn(run) {
  const known = run.spark.filter((value) => value !== null);
  if (known.length < 2) return make("span", { class: "quiet" }, "No curve yet.");
  const words = `loss ${number(known[0])} to ${number(known.at(-1))}`;
  return make("span", {}, spark(run.spark), make("span", { class: "quiet small" }, words));
}

/** The first screen of a file: what it holds, and where to look. */
function sent(place, run, held) {
  const at = (step) => [`step ${step.toLocaleString("en")}`, { run: run.name, view: "step", step }];
  const rows = `each with ${listed("row", held.rows)} of its batch`;
  place.append(
    make("h1", {}, `What is in this file: ${run.name}`),
    make("p", {}, `A recording of one run, made with Fogwalk on ${held.made}. `
      + "Everything that is shown stands in this file; it asks nobody for anything."),
    cards([run]),
    make("h2", {}, "Steps that can be looked into"),
    make("p", {}, `${listed("step", held.steps).replace(/^s/, "S")} of ${held.of.toLocaleString("en")}, ${rows}.`),
    links(held.steps.map(at)),
  );
  if (held.prompts.length) {
    const asked = (prompt) => [prompt, { run: run.name, view: "answer", prompt }];
    place.append(make("h2", {}, "Answers"), links(held.prompts.map(asked)));
  }
  place.append(
    make("h2", {}, "See the rest, or train your own"),
    make("p", {}, "Fogwalk is a program for Python that trains networks on your own data and shows every step, on your machine. "
      + "Once it is installed:"),
    make("pre", { tabindex: "0" }, "fogwalk demo\nfogwalk observe"),
  );
}
