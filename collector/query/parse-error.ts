import { AppError } from '@bellwether/shared';

/** `line:column` of an offset into the query, both from 1; annotations and errors name places this way. */
export function position(query: string, at: number): string {
  if (query === '') return 'unknown position';
  const before = query.slice(0, at);
  return `${before.split('\n').length}:${at - before.lastIndexOf('\n')}`;
}

/** The error of a query that is not valid at offset `at`, as Prometheus words it: `line:column: parse error: text`. */
export function parseError(query: string, at: number, text: string): AppError {
  return new AppError('QUERY_INVALID', `${position(query, at)}: parse error: ${text}`);
}
