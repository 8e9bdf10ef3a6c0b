export type { Expr } from './ast.ts';
export { valueTypeOf } from './ast.ts';
export { createQueryEngine, type QueryEngineOptions, tooManyPoints } from './engine.ts';
export { parse, parseSelector } from './parser.ts';
export { pretty, print } from './print.ts';
export { type CaseResult, runPromqlTest, runScript, type ScriptFile } from './promqltest/run.ts';
export { parseLabels, parsePoints, parseSeriesLine, type SeriesLine, type SeriesPoint } from './promqltest/series-line.ts';
export { formatPlain, formatValue } from './text.ts';
export * from './types.ts';
