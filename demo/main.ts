/** Puts the parts of the demo together: session (which model), chat (what is said), and the views. */
import { support } from "intab";
import { BUILT_IN, fromFiles, type Source } from "./catalog.ts";
import { Chat } from "./chat.ts";
import { ChatView } from "./chat-view.ts";
import { Chats } from "./chats/chats.ts";
import { chosenModel, rememberModel } from "./chosen-model.ts";
import { loadHighlighter } from "./code-block.ts";
import { Composer } from "./composer.ts";
import { byId } from "./dom.ts";
import { Drawer } from "./drawer.ts";
import { acceptDrops } from "./drop-target.ts";
import { explain } from "./errors.ts";
import { icon } from "./icons.ts";
import { LoadNotice } from "./load-notice.ts";
import { ModelPanel } from "./model-panel.ts";
import { keepForOffline } from "./offline.ts";
import type { Remedy } from "./remedies.ts";
import { type LoadState, Session } from "./session.ts";
import { SettingsPanel } from "./settings-panel.ts";
import { StatusBar } from "./status-bar.ts";
import { SystemPrompt } from "./system-prompt.ts";
import { Welcome } from "./welcome.ts";

/** Positions for "Load with a short context": a few exchanges, at a fraction of the memory. */
const SHORT_CONTEXT = 1024;

/** What "try again" means: the source of the last load. */
let lastSource: Source = BUILT_IN;

const session = new Session({ onLoad, onModel });
const drawer = new Drawer();
const settings = new SettingsPanel({ onReload: () => void remedy("reload-model") });
const status = new StatusBar();
const notice = new LoadNotice({ onRemedy: remedy, onDismiss: () => session.dismiss() });
const panel = new ModelPanel({
  onChoose: choose,
  onError: (error, source) =>
    notice.show({ kind: "failed", source, error, goesOn: session.loaded?.source ?? null }),
});
const view = new ChatView({
  onEdit: (id, text) => chat.edit(id, text),
  onAgain: id => chat.again(id),
  onContinue: id => chat.goOn(id),
  onSelect: id => chat.select(id),
  onRemedy: remedyInChat,
  explain: error => explain(error, { source: session.loaded?.source ?? lastSource }),
});
const composer = new Composer({
  onSend: send,
  onStop: () => chat.stop(),
  onDraft: text => chats.keepDraft(text),
});
const welcome = new Welcome(send);
const chat: Chat = new Chat(view, {
  answerer: () =>
    session.loaded && {
      model: session.loaded.model,
      title: session.loaded.source.title,
      settings: settings.current,
    },
  onBusy: draw,
  onContext: used => status.showContext(used),
  onSpeed: speed => status.showSpeed(speed),
  onChange: data => chats.changed(data),
});
const systemPrompt = new SystemPrompt(system => chat.setSystem(system));
const chats = new Chats(chat, composer, () => {
  drawer.close();
  draw();
});

byId("new-chat", HTMLButtonElement).append(icon("plus"), "New chat");
byId("new-chat", HTMLButtonElement).addEventListener("click", newChat);
document.addEventListener("keydown", event => {
  if (event.key === "Escape" && !event.defaultPrevented) chat.stop();
});
acceptDrops(files => choose(fromFiles(files)));
void start();

async function start(): Promise<void> {
  settings.use(BUILT_IN, null);
  draw();
  const found = await support();
  if (!found.webgpu) {
    document.body.classList.add("unsupported");
    welcome.showUnsupported(found, () => location.reload());
    return;
  }
  void panel.refresh();
  for (const change of ["input", "reset"])
    byId("settings-form", HTMLFormElement).addEventListener(change, drawSystemPrompt);
  await chats.start();
  lastSource = await chosenModel();
  settings.use(lastSource, null);
  await session.open(lastSource, loadOptions(lastSource));
}

function choose(source: Source, options?: { contextLength?: number }): void {
  lastSource = source;
  drawer.close();
  void session.open(source, { ...loadOptions(source), ...options });
}

function loadOptions(source: Source): { contextLength?: number; token?: string } {
  const contextLength = settings.contextLengthFor(source);
  const { token } = panel;
  return { ...(contextLength !== undefined && { contextLength }), ...(token !== "" && { token }) };
}

function onLoad(state: LoadState): void {
  notice.show(state);
  if (state.kind !== "loading") void panel.refresh();
  draw();
}

function onModel(): void {
  const { loaded } = session;
  if (loaded) settings.use(loaded.source, loaded.model.info.contextLength);
  else chat.stop();
  if (loaded) {
    rememberModel(loaded.source);
    // the grammars first, so that they are kept as well
    void loadHighlighter().then(keepForOffline);
  }
  status.showModel(loaded, session.loadingFrom !== null);
  void chat.measure();
  draw();
  if (loaded && document.activeElement === document.body) composer.focus();
}

function send(text: string): void {
  if (!session.loaded) return;
  void chat.send(text);
  composer.focus();
}

async function newChat(): Promise<void> {
  await chats.startNew();
  composer.focus();
}

function drawSystemPrompt(): void {
  systemPrompt.update({ own: chat.data.system, fallback: settings.current.system });
}

function draw(): void {
  const ready = session.loaded !== null;
  status.showBusy(chat.busy);
  composer.update({ ready, busy: chat.busy });
  view.update({ ready });
  welcome.update({ visible: chat.empty, ready });
  panel.update({ usedFrom: session.loaded?.source.from ?? null, loadingFrom: session.loadingFrom });
  byId("new-chat", HTMLButtonElement).disabled = chat.empty;
  drawSystemPrompt();
  if (!ready) status.showModel(null, session.loadingFrom !== null);
}

/** The same below an answer, where "try again" is about the question. */
function remedyInChat(choice: Remedy): void {
  if (choice === "retry") void chat.again();
  else void remedy(choice);
}

/** Carries out what an error card offers. */
async function remedy(choice: Remedy): Promise<void> {
  switch (choice) {
    case "retry":
      return choose(lastSource);
    case "download-again":
      session.dismiss();
      if (typeof lastSource.from === "string") await panel.remove(lastSource.from);
      return typeof lastSource.from === "string" ? choose(lastSource) : panel.pickFile();
    case "free-storage":
      drawer.open();
      return byId("stored-title", HTMLElement).focus();
    case "other-file":
      return panel.pickFile();
    case "built-in":
      return choose(BUILT_IN);
    case "short-context":
      return choose(lastSource, { contextLength: SHORT_CONTEXT });
    case "reload-model": {
      const source = session.loaded?.source ?? lastSource;
      await session.release();
      return choose(source);
    }
    case "longer-context":
      drawer.open();
      return settings.reveal("contextLength");
    case "show-settings":
      drawer.open();
      return settings.reveal();
    case "show-address":
      drawer.open();
      return panel.askForAddress();
    case "access-token":
      drawer.open();
      return panel.askForToken();
    case "show-gallery":
      return panel.showGallery();
    case "new-chat":
      return newChat();
    case "reload-page":
      return location.reload();
    case "reset-settings":
      return settings.reset();
    case "gpu-help":
      return void open(
        "https://developer.mozilla.org/docs/Web/API/WebGPU_API#browser_compatibility",
        "_blank",
        "noopener",
      );
    case "find-models":
      return void open(
        "https://huggingface.co/models?library=gguf&pipeline_tag=text-generation",
        "_blank",
        "noopener",
      );
  }
}
