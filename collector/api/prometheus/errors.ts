import { AppError, type ErrorCode, errorMessage } from '@bellwether/shared';

export interface ApiFailure {
  readonly status: number;
  readonly errorType: string;
  readonly error: string;
}

const TYPES: Readonly<Partial<Record<ErrorCode, { readonly status: number; readonly errorType: string }>>> = {
  BAD_REQUEST: { status: 400, errorType: 'bad_data' },
  QUERY_INVALID: { status: 400, errorType: 'bad_data' },
  QUERY_FAILED: { status: 422, errorType: 'execution' },
  QUERY_TOO_LARGE: { status: 422, errorType: 'execution' },
  QUERY_TIMEOUT: { status: 503, errorType: 'timeout' },
  NOT_FOUND: { status: 404, errorType: 'not_found' },
  STORE_UNAVAILABLE: { status: 500, errorType: 'unavailable' },
  UNAUTHENTICATED: { status: 401, errorType: 'unauthorized' },
  FORBIDDEN: { status: 403, errorType: 'forbidden' },
  TOO_LARGE: { status: 413, errorType: 'bad_data' },
  TOO_MANY_REQUESTS: { status: 429, errorType: 'unavailable' },
};

/** What a client is told of an error. Of one that is not ours it learns nothing but that it happened. */
export function apiFailure(error: unknown, canceled: boolean): ApiFailure {
  if (canceled) return { status: 499, errorType: 'canceled', error: 'query was canceled in expression evaluation' };
  if (error instanceof AppError) {
    const type = TYPES[error.code] ?? { status: error.status, errorType: 'internal' };
    return { ...type, error: error.message };
  }
  const status = statusOf(error);
  if (status !== undefined && status < 500) return { status, errorType: 'bad_data', error: errorMessage(error) };
  return { status: 500, errorType: 'internal', error: 'something went wrong inside the collector; its log has the details' };
}

/** The status of an error of fastify itself (a body too large, a bad URL). */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
