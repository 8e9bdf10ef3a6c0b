/** Every function of the language: the one table the parser checks calls against and the evaluator dispatches on. */
import type { ValueType } from './ast.ts';

export interface FunctionSpec {
  readonly name: string;
  readonly args: readonly ValueType[];
  /** How many of the last argument may be missing or repeated: 0 none, n up to n (the last one is optional), -1 any number. */
  readonly variadic: number;
  readonly returns: ValueType;
  /** The answer depends on the evaluation time even when every selector below is fixed by `@`. */
  readonly timeDependent: boolean;
  /** Acts on native histograms only; those are not stored. */
  readonly nativeOnly: boolean;
}

interface Options {
  readonly variadic?: number;
  readonly returns?: ValueType;
  readonly timeDependent?: boolean;
  readonly nativeOnly?: boolean;
}

function specs(names: string, args: readonly ValueType[], options: Options = {}): FunctionSpec[] {
  const { variadic = 0, returns = 'vector', timeDependent = false, nativeOnly = false } = options;
  return names.split(' ').map((name) => ({ name, args, variadic, returns, timeDependent, nativeOnly }));
}

const TABLE: readonly FunctionSpec[] = [
  ...specs('abs ceil floor exp sqrt ln log2 log10 sgn deg rad', ['vector']),
  ...specs('sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh', ['vector']),
  ...specs('round', ['vector', 'scalar'], { variadic: 1 }),
  ...specs('clamp', ['vector', 'scalar', 'scalar']),
  ...specs('clamp_min clamp_max', ['vector', 'scalar']),
  ...specs('pi', [], { returns: 'scalar' }),
  ...specs('max_of min_of', ['scalar', 'scalar'], { returns: 'scalar' }),
  ...specs('time start end step range', [], { returns: 'scalar', timeDependent: true }),
  ...specs('timestamp start_timestamp', ['vector'], { timeDependent: true }),
  ...specs('minute hour day_of_month day_of_week day_of_year days_in_month month year', ['vector'], { variadic: 1, timeDependent: true }),
  ...specs('vector', ['scalar']),
  ...specs('scalar', ['vector'], { returns: 'scalar' }),
  ...specs('absent sort sort_desc', ['vector']),
  ...specs('sort_by_label sort_by_label_desc', ['vector', 'string'], { variadic: -1 }),
  ...specs('label_replace', ['vector', 'string', 'string', 'string', 'string']),
  ...specs('label_join', ['vector', 'string', 'string', 'string'], { variadic: -1 }),
  ...specs('info', ['vector', 'vector'], { variadic: 1 }),
  ...specs('histogram_quantile', ['scalar', 'vector']),
  ...specs('histogram_quantiles', ['vector', 'string', 'scalar', 'scalar'], { variadic: 9 }),
  ...specs('histogram_fraction', ['scalar', 'scalar', 'vector']),
  ...specs('histogram_avg histogram_count histogram_sum histogram_stddev histogram_stdvar', ['vector'], { nativeOnly: true }),
  ...specs('rate increase delta irate idelta deriv changes resets', ['matrix']),
  ...specs('avg_over_time sum_over_time min_over_time max_over_time count_over_time last_over_time first_over_time', ['matrix']),
  ...specs('present_over_time absent_over_time stddev_over_time stdvar_over_time mad_over_time', ['matrix']),
  ...specs('ts_of_first_over_time ts_of_last_over_time ts_of_min_over_time ts_of_max_over_time', ['matrix']),
  ...specs('quantile_over_time', ['scalar', 'matrix']),
  ...specs('predict_linear', ['matrix', 'scalar'], { timeDependent: true }),
  ...specs('double_exponential_smoothing', ['matrix', 'scalar', 'scalar']),
];

export const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = new Map(TABLE.map((spec) => [spec.name, spec]));
