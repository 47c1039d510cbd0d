import { text } from "../answer/text.js";
import { row } from "../answer/row.js";
import { image } from "../answer/image.js";
import { make } from "../make.js";
import { ask, run as at } from "../server.js";

const KINDS = { text, row, image };

const ROW = "The address names a row, which picks one of a step's batch and nothing here: one that was held back is named as held=3.";

export const answer = {
  id: "answer",
  title: "Answer",
  question: "What would it say, and how sure is it?",
  needs: ["run"],
  steps: (opened) => (opened.step ? 0 : null),

  async draw(place, { opened, picks }) {
    const told = make("p", { class: "quiet", role: "status" }, "Asking …");
    place.append(make("h1", {}, this.question), told);
    let form;
    try {
      form = await ask(`${at(opened.name)}/answer/form`, { prompt: picks.prompt, held: picks.held });
    } finally {
      told.remove();
    }
    if (picks.row !== undefined) place.append(make("p", { class: "trouble" }, ROW));
    return KINDS[form.kind](place, { name: opened.name, picks, form });
  },
};
