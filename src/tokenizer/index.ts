/** What the rest of intab uses of the tokenizer. */
export { createAnswerStream } from "./answer-stream.ts";
export type { ChatTemplate, RenderOptions, TemplateMessage } from "./chat-template.ts";
export { createChatTemplate, createRenderer, hasChatTemplate, tokenVariables } from "./chat-template.ts";
export { type RankingPrompt, readRanking } from "./ranking.ts";
export type { AnswerParts, ReasoningMarks } from "./reasoning.ts";
export type { TextStream, TextStreamOptions } from "./text-stream.ts";
export { createTextStream } from "./text-stream.ts";
export type { DecodeOptions, EncodeOptions, Tokenizer } from "./tokenizer.ts";
export { createTokenizer } from "./tokenizer.ts";
