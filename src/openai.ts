/** intab/openai: OpenAI's API in the page, for its clients. */
export { createFetch } from "./api/openai/create-fetch.ts";
export type { ServedModel } from "./api/openai/served.ts";
