/** Colours for code. A module of its own that is fetched apart from the page: grammars are larger than the rest of it. */
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";
import { h } from "./dom.ts";

const lowlight = createLowlight({
  bash,
  c,
  cpp,
  css,
  diff,
  go,
  java,
  javascript,
  json,
  python,
  rust,
  sql,
  typescript,
  xml,
  yaml,
});

type Tree = ReturnType<typeof lowlight.highlight>["children"];

/** The code as nodes with classes, or `null` for a language without a grammar here. */
export function highlighted(text: string, language: string): Node[] | null {
  const name = language.toLowerCase();
  return lowlight.registered(name) ? nodes(lowlight.highlight(name, text).children) : null;
}

function nodes(tree: Tree): Node[] {
  return tree.flatMap((part): Node[] => {
    if (part.type === "text") return [document.createTextNode(part.value)];
    if (part.type !== "element") return [];
    const { className } = part.properties;
    return [
      h("span", { class: Array.isArray(className) ? className.join(" ") : null }, ...nodes(part.children)),
    ];
  });
}
