import { text } from "../answer/text.js";
import { row } from "../answer/row.js";
import { image } from "../answer/image.js";
import { go } from "../address.js";
import { make } from "../make.js";
import { ask, run as at } from "../server.js";
import { saying } from "../step/say.js";

const KINDS = { text, row, image };

export const answer = {
  id: "answer",
  title: "Answer",
  question: "What would it say, and how sure is it?",
  needs: ["run"],
  steps: (opened) => (opened.step ? 0 : null),

  async draw(place, { opened, picks, moved }) {
    const told = make("p", { class: "quiet", role: "status" }, "Asking …");
    place.append(make("h1", {}, this.question), told);
    if (picks.row !== undefined && picks.held === undefined) { // as One step and explain call it
      picks = { ...picks, held: picks.row };
      go({ held: picks.held, row: null }, { quietly: true });
    }
    let form;
    try {
      form = await ask(`${at(opened.name)}/answer/form`, { prompt: picks.prompt, held: picks.held });
    } finally {
      told.remove();
    }
    const said = saying(picks);
    place.append(said.place);
    const settings = opened.planned.settings ?? {}, { name, step: made } = opened;
    return KINDS[form.kind](place, { name, picks, form, made, moved, settings, telling: said.telling });
  },
};
