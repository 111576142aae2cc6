/** Failures in the shape and with the status codes of OpenAI's API. */

export class ApiError extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;

  constructor(status: number, message: string, { param = null, code = null }: Partial<ErrorPlace> = {}) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
  }

  /** What a response, or an event of a stream, says of it. */
  get body() {
    const { message, param, code } = this;
    return {
      error: { message, type: this.status < 500 ? "invalid_request_error" : "server_error", param, code },
    };
  }
}

interface ErrorPlace {
  /** The field that is wrong. */
  param: string | null;
  code: string | null;
}

/** Status 400: a field has a value that it cannot have. */
export function invalid(param: string, message: string, code = "invalid_value"): ApiError {
  return new ApiError(400, message, { param, code });
}

/** Status 400: a field asks for what intab cannot do. */
export function unsupported(param: string, what: string): ApiError {
  return new ApiError(400, `${what} (${param}) is not supported by intab. Leave it out.`, {
    param,
    code: "unsupported_parameter",
  });
}

/**
 * intab's own failures. They are known by their fields: this file is in another bundle than their classes.
 * @param prompt the field that the model's prompt comes from
 * @throws what is none of them
 */
export function apiError(error: unknown, prompt: string): ApiError {
  if (error instanceof ApiError) return error;
  const { name, code, message } = Object(error) as { name?: unknown; code?: unknown; message?: unknown };
  if (!(error instanceof Error) || typeof code !== "string") throw error;
  if (code === "prompt-too-long")
    return new ApiError(400, `${message}`, { param: prompt, code: "context_length_exceeded" });
  const plain = code.replaceAll("-", "_");
  if (name === "InputError")
    return new ApiError(400, `${message}`, {
      param: code === "messages" || code === "chat-template" ? prompt : null,
      code: plain,
    });
  const gone = name === "DisposedError" || name === "DeviceLostError";
  return new ApiError(gone ? 503 : 500, `${message}`, { code: plain });
}
