/** Every error a caller may branch on: its HTTP status and whether trying again can help. */
const CODES = {
  BAD_REQUEST: { status: 400, retry: false },
  CONFIG_INVALID: { status: 400, retry: false },
  QUERY_INVALID: { status: 400, retry: false },
  UNAUTHENTICATED: { status: 401, retry: false },
  FORBIDDEN: { status: 403, retry: false },
  NOT_FOUND: { status: 404, retry: false },
  CONFLICT: { status: 409, retry: false },
  TOO_LARGE: { status: 413, retry: false },
  QUERY_TOO_LARGE: { status: 422, retry: false },
  QUERY_FAILED: { status: 422, retry: false },
  QUERY_TIMEOUT: { status: 503, retry: true },
  TOO_MANY_REQUESTS: { status: 429, retry: true },
  ADDRESS_UNUSABLE: { status: 500, retry: false },
  DATA_DIR_LOCKED: { status: 500, retry: false },
  DATA_DIR_UNUSABLE: { status: 500, retry: false },
  STORE_UNAVAILABLE: { status: 503, retry: true },
  STORE_FULL: { status: 503, retry: true },
} as const;

export type ErrorCode = keyof typeof CODES;

/** An error with a code. `message` is one sentence for a person: what happened, where, how to mend it. */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
  }

  get status(): number {
    return CODES[this.code].status;
  }

  get retry(): boolean {
    return CODES[this.code].retry;
  }
}

/** The `code` of a Node system error (`ENOENT`, `EADDRINUSE`) or of an AppError. Works across realms, where `instanceof Error` does not. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

export function errorMessage(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
