/** What a visitor sees of the benchmark: choose, start, wait or stop, read, download. */
import { type AdapterFacts, type CachedModel, models, support } from "intab";
import type { BenchJob, Report } from "../../bench/lib/report.d.mts";
import { BUILT_IN, fromFiles, fromUrl, isFrom } from "../catalog.ts";
import { announce, byId, h, setText } from "../dom.ts";
import { errorCard } from "../error-card.ts";
import { explain } from "../errors.ts";
import { bytes } from "../format.ts";
import { type MeasureHooks, measure } from "./measure.ts";
import { resultView } from "./result-view.ts";

/** The commit that this page was built from, if git knew: see vite.config.ts. */
declare const __INTAB_COMMIT__: string | null;

/** Enough for steady figures, over in a minute or two on a GPU. */
const PLAN = {
  gpu: { prefill: [512, 1024], decodeAt: [0, 2000], decodeTokens: 128, runs: 5, loadRuns: 3, warmUpMs: 1500 },
  software: { prefill: [64], decodeAt: [0], decodeTokens: 16, runs: 3, loadRuns: 1, warmUpMs: 0 },
};

const start = byId("start", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const picker = byId("file", HTMLInputElement);
const choice = byId("choice", HTMLFieldSetElement);
const profile = byId("profile", HTMLInputElement);
const bar = byId("bar", HTMLProgressElement);
/** Values of the choice that are addresses of stored models. */
const STORED = "stored ";

export async function startPage(): Promise<void> {
  const { adapter, reason } = await support();
  if (!adapter) {
    start.disabled = choice.disabled = true;
    return setText(byId("adapter", HTMLElement), reason);
  }
  const name = [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(" ");
  setText(
    byId("adapter", HTMLElement),
    `Adapter: ${name || "not named by the browser"}${adapter.fallback ? ". This is software, a CPU that plays a GPU: expect a hundredth of a GPU's speed." : ""}`,
  );
  if (!adapter.features.includes("timestamp-query")) {
    profile.disabled = true;
    profile.checked = false; // browsers keep a form's state over a reload
    setText(byId("profile-hint", HTMLElement), "this browser or GPU offers no timestamp queries");
  }
  await showStored();
  choice.addEventListener("change", event => {
    if (event.target instanceof HTMLInputElement && event.target.value === "file" && !picker.files?.length)
      picker.click();
  });
  picker.addEventListener("change", showFile);
  picker.addEventListener("cancel", showFile);
  byId("form", HTMLFormElement).addEventListener("submit", event => {
    event.preventDefault();
    void run(adapter);
  });
}

/** The models that are stored whole become choices, below the built-in one. */
async function showStored(): Promise<void> {
  let stored: CachedModel[];
  try {
    stored = await models.list();
  } catch (error) {
    // Measuring the built-in model or a file needs no list.
    console.info("The stored models cannot be listed.", error);
    return;
  }
  const options = stored
    .filter(({ complete, url }) => complete && !isFrom(BUILT_IN, url))
    .map(({ url, totalBytes }) =>
      h(
        "label",
        { class: "bench-option" },
        h("input", { type: "radio", name: "model", value: STORED + url, "data-testid": "stored" }),
        h(
          "span",
          {},
          fromUrl(url).title,
          h("span", { class: "hint" }, `${bytes(totalBytes)}, stored on this device`),
        ),
      ),
    );
  byId("stored-options", HTMLElement).replaceChildren(...options);
}

function chosenModel(): string {
  return String(new FormData(byId("form", HTMLFormElement)).get("model"));
}

/** Without a file the built-in model stays chosen. */
function showFile(): void {
  const file = picker.files?.[0];
  const option = choice.querySelector<HTMLInputElement>(`input[value="${file ? "file" : "built-in"}"]`);
  if (option) option.checked = true;
  const text = file ? `${file.name}, ${bytes(file.size)}` : "read in place, not copied";
  setText(byId("file-name", HTMLElement), text);
}

async function run(adapter: AdapterFacts): Promise<void> {
  const chosen = chosenModel();
  const file = chosen === "file" ? picker.files?.[0] : undefined;
  const stored = chosen.startsWith(STORED) ? fromUrl(chosen.slice(STORED.length)) : undefined;
  const plan = PLAN[adapter.fallback ? "software" : "gpu"];
  const contextLength = Math.max(...plan.prefill, ...plan.decodeAt.map(at => at + plan.decodeTokens)) + 2;
  const job: Omit<BenchJob, "source"> = {
    ...plan,
    loadOptions: { contextLength },
    ...(stored && { keepStored: true }),
    bandwidth: true,
    profile: profile.checked
      ? [
          ...plan.decodeAt.map(context => ({ phase: "decode" as const, context })),
          { phase: "prefill" as const },
        ]
      : [],
  };
  const subject = file ? fromFiles([file]) : (stored ?? BUILT_IN);
  const abort = new AbortController();
  stop.onclick = () => abort.abort();
  setBusy(true);
  try {
    const source = file ?? (stored ? chosen.slice(STORED.length) : BUILT_IN.from);
    const measured = await measure({ ...job, source }, { signal: abort.signal, onStep: showStep });
    const report: Report = {
      format: "intab-bench-1",
      date: new Date().toISOString(),
      ...(__INTAB_COMMIT__ === null ? {} : { commit: __INTAB_COMMIT__ }),
      browser: navigator.userAgent,
      model: { name: file?.name ?? (stored ?? BUILT_IN).title, bytes: measured.info.fileBytes },
      job,
      ...measured,
    };
    byId("result", HTMLElement).replaceChildren(resultView(report));
    byId("result", HTMLElement).hidden = false;
    announce("The benchmark is done.");
  } catch (error) {
    if (abort.signal.aborted) announce("The benchmark was stopped.");
    else
      byId("problem", HTMLElement).replaceChildren(
        errorCard({ ...explain(error, { source: subject }), remedies: [] }, () => {}),
      );
  } finally {
    setBusy(false);
  }
}

const showStep: MeasureHooks["onStep"] = ({ text, share }) => {
  setText(byId("step", HTMLElement), `${text[0]?.toUpperCase()}${text.slice(1)}…`);
  bar.value = share;
};

function setBusy(busy: boolean): void {
  byId("progress", HTMLElement).hidden = !busy;
  if (busy) {
    byId("problem", HTMLElement).replaceChildren();
    byId("result", HTMLElement).hidden = true;
  }
  choice.disabled = start.disabled = busy;
  stop.hidden = !busy;
  if (!busy) start.focus({ preventScroll: true });
}
