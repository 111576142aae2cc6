/** The whole window takes dropped files, and says so while some are over it. */
import { byId } from "./dom.ts";

export function acceptDrops(onFiles: (files: readonly [File, ...File[]]) => void): void {
  const overlay = byId("drop", HTMLElement);
  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  // Enter and leave fire for every element under the pointer; their balance says whether it is over the window.
  let depth = 0;
  const show = (next: number) => {
    depth = Math.max(0, next);
    overlay.hidden = depth === 0;
  };
  window.addEventListener("dragenter", event => carriesFiles(event) && show(depth + 1));
  window.addEventListener("dragleave", event => carriesFiles(event) && show(depth - 1));
  window.addEventListener("dragover", event => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    if (event.dataTransfer) event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("drop", event => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(0);
    const [first, ...others] = event.dataTransfer?.files ?? [];
    if (first) onFiles([first, ...others]);
  });
}
