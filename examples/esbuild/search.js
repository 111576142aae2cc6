import { load } from "intab";

const MODEL =
  new URLSearchParams(location.search).get("model") ?? "hf:ChristianAzinn/bge-small-en-v1.5-gguf:Q8_0"; // 37 MB, stored after the first time

const TEXTS = [
  "The Moon pulls the sea towards it, and so the tides come and go.",
  "Bread rises because yeast turns sugar into gas.",
  "A transistor is a switch without moving parts.",
  "Whales breathe air and have to come to the surface.",
  "Rainbows appear where sunlight meets drops of water.",
];

const form = document.querySelector("form");
const say = text => (document.querySelector("#status").textContent = text);
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

async function start() {
  const model = await load(MODEL, { onProgress: ({ phase }) => say(phase) });
  const vectors = await model.embed(TEXTS); // of length 1: a dot product is the cosine similarity
  say(`${TEXTS.length} texts of ${vectors[0].length} dimensions`);
  form.querySelector("button").disabled = false;
  form.onsubmit = async event => {
    event.preventDefault();
    const [query] = await model.embed([new FormData(form).get("query")]);
    const found = TEXTS.map((text, i) => ({ text, score: dot(query, vectors[i]) })).sort(
      (a, b) => b.score - a.score,
    );
    document.querySelector("#found").replaceChildren(
      ...found.map(({ text, score }) => {
        const item = document.createElement("li");
        item.textContent = `${score.toFixed(2)} ${text}`;
        return item;
      }),
    );
  };
}

start().catch(error => say(`${error.name}: ${error.message}`));
