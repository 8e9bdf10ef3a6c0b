/** Functions that map each sample to another by itself: mathematics and the calendar. */
const DAY_MS = 86_400_000;

/** Time functions take seconds since the epoch, in UTC. */
function calendar(read: (date: Date) => number): (seconds: number) => number {
  return (seconds) => read(new Date(Math.floor(seconds) * 1000));
}

function dayOfYear(date: Date): number {
  const year = date.getUTCFullYear();
  return Math.floor((Date.UTC(year, date.getUTCMonth(), date.getUTCDate()) - Date.UTC(year, 0, 1)) / DAY_MS) + 1;
}

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

/** The functions of one vector and no other argument. */
export const SAMPLE_FUNCTIONS: Readonly<Record<string, (value: number) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  exp: Math.exp,
  sqrt: Math.sqrt,
  ln: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sgn: (value) => (value < 0 ? -1 : value > 0 ? 1 : value),
  deg: (value) => (value * 180) / Math.PI,
  rad: (value) => (value * Math.PI) / 180,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
};

/** The functions whose argument defaults to the evaluation time. */
export const CALENDAR_FUNCTIONS: Readonly<Record<string, (seconds: number) => number>> = {
  minute: calendar((date) => date.getUTCMinutes()),
  hour: calendar((date) => date.getUTCHours()),
  day_of_week: calendar((date) => date.getUTCDay()),
  day_of_month: calendar((date) => date.getUTCDate()),
  day_of_year: calendar(dayOfYear),
  days_in_month: calendar(daysInMonth),
  month: calendar((date) => date.getUTCMonth() + 1),
  year: calendar((date) => date.getUTCFullYear()),
};

/** Functions of a vector and scalars, at one step. */
export const SCALED_FUNCTIONS: Readonly<Record<string, (value: number, first: number, second: number) => number>> = {
  round: (value, to) => {
    const inverse = 1 / to;
    return Math.floor(value * inverse + 0.5) / inverse;
  },
  clamp: (value, minimum, maximum) => Math.max(minimum, Math.min(maximum, value)),
  clamp_min: (value, minimum) => Math.max(minimum, value),
  clamp_max: (value, maximum) => Math.min(maximum, value),
};
