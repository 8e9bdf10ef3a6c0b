/**
 * How a column's doubles are written as integers ("mantissas"). A form is usable for a value when the way back gives the same 64 bits; it is kept
 * per column, since the columns of one producer are computed alike. 0-12: m / 10^form (parsers, Go's float division). 13-24: m * 10^-(form-12)
 * (programs that multiply by 0.001). 25: m / 1000 / 1000 (microseconds turned to seconds in two steps).
 */
export const RAW_FORM = 31;
const LAST_DIVIDED = 12;
const LAST_MULTIPLIED = 24;
const TWICE_DIVIDED = 25;

/** A mantissa beyond this is not used, so that differences, and differences of differences, stay exact. */
export const MANTISSA_MAX = 2 ** 51;

const POWERS = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
/** Powers of two by exponent: a look-up where `**` would be a call. */
export const TWO_TO = Array.from({ length: 64 }, (_, exponent) => 2 ** exponent);
const FRACTIONS = [1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12];

/** The nearest mantissa of any double; 0 where there is none within MANTISSA_MAX. Both sides compute it the same way from the same bits. */
export function toMantissa(value: number, form: number): number {
  const power = form <= LAST_DIVIDED ? POWERS[form]! : form <= LAST_MULTIPLIED ? POWERS[form - LAST_DIVIDED]! : 1e6;
  const mantissa = Math.round(value * power);
  return Math.abs(mantissa) <= MANTISSA_MAX ? mantissa + 0 : 0;
}

export function fromMantissa(mantissa: number, form: number): number {
  if (form <= LAST_DIVIDED) return mantissa / POWERS[form]!;
  if (form <= LAST_MULTIPLIED) return mantissa * FRACTIONS[form - LAST_DIVIDED]!;
  return mantissa / 1e3 / 1e3;
}

export function isForm(form: number): boolean {
  return form <= TWICE_DIVIDED;
}

/** The form with the fewest digits that holds `value` exactly, at least `from` digits; RAW_FORM if there is none. -0 has none. */
export function findForm(value: number, from: number): number {
  if (!Number.isFinite(value) || Object.is(value, -0)) return RAW_FORM;
  for (let digits = from; digits <= LAST_DIVIDED; digits++) {
    if (fromMantissa(toMantissa(value, digits), digits) === value) return digits;
    if (digits === 0) continue;
    if (fromMantissa(toMantissa(value, LAST_DIVIDED + digits), LAST_DIVIDED + digits) === value) return LAST_DIVIDED + digits;
    if (digits === 6 && fromMantissa(toMantissa(value, TWICE_DIVIDED), TWICE_DIVIDED) === value) return TWICE_DIVIDED;
  }
  return RAW_FORM;
}

/** Decimal digits of a form. */
export function formDigits(form: number): number {
  return form <= LAST_DIVIDED ? form : form <= LAST_MULTIPLIED ? form - LAST_DIVIDED : 6;
}

/** Bits of a non-negative integer below 2^55. */
export function bitLength(value: number): number {
  return value < 2 ** 31 ? 32 - Math.clz32(value) : 63 - Math.clz32(value / 2 ** 31);
}

/** How often 2 divides an integer within 2^53, at most 31. */
export function trailingZeros(value: number): number {
  const low = (value % 2 ** 32) | 0;
  return low === 0 ? 31 : 31 - Math.clz32(low & -low);
}
