const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });

export const count = (value: number): string => whole.format(value);

export const metric = (value: number | null): string =>
  value === null ? '–' : precise.format(value);

/** A test's value: two decimals where they say enough, never a misleading zero. */
export function score(value: number | null): string {
  if (value === null) {
    return '–';
  }
  if (value !== 0 && Math.abs(value) < 0.005) {
    return '< 0.01';
  }
  return value.toFixed(Math.abs(value) < 100 ? 2 : 0);
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1]
];

/** How long ago, in the largest unit that is not zero; a clock that is ahead says "now". */
export function ago(iso: string, now: Date): string {
  const seconds = Math.max(0, (now.getTime() - new Date(iso).getTime()) / 1000);
  for (const [unit, size] of STEPS) {
    if (seconds >= size * (unit === 'second' ? 10 : 1)) {
      return relative.format(-Math.floor(seconds / size), unit);
    }
  }
  return relative.format(0, 'second');
}

/** The day and time in the reader's own time zone. */
export const moment = (iso: string): string =>
  new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** Enough of a digest or run id to recognise it: eight characters after its `b3:`. */
export const short = (id: string): string => id.slice(0, id.indexOf(':') + 9);

const share = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

/** A share of 0 to 1, as people read it. */
export const percent = (value: number): string => share.format(value);

const signed = new Intl.NumberFormat(undefined, {
  maximumSignificantDigits: 2,
  signDisplay: 'exceptZero'
});

/** A difference, with its sign. */
export const change = (value: number): string => signed.format(value);

const brief = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

/** A limit, which may lie far below one: three digits that say something. */
export const bound = (value: number): string => brief.format(value);
