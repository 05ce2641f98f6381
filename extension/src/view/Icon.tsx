import type { Severity } from './state';

/** One shape per severity: read without colour, they still differ. */
const SHAPES: Record<Severity, string> = {
  critical: 'M8 1l7 7-7 7-7-7zM7.200 4.500v4h1.600v-4zm0 5.200v1.600h1.600V9.700z',
  warning: 'M8 1.500L15.500 14.500H.5zM7.200 6v4h1.600V6zm0 5.100v1.500h1.600v-1.500z',
  info: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM7.200 7v5h1.600V7zm0-2.800v1.600h1.600V4.200z',
  too_few:
    'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm0 1.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM4.500 7.200h7v1.600h-7z',
  none: 'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm3.500 3.600L6.900 9.200 4.600 6.900 3.500 8l3.400 3.400 5.700-5.700z'
};

const REFRESH = 'M13.600 2.400A8 8 0 1 0 15.700 10h-2.100A6 6 0 1 1 12.200 3.800L9.500 6.500H16V0z';
const CHEVRON = 'M6 3.500L10.500 8 6 12.500 4.900 11.400 8.300 8 4.900 4.600z';

const UP = 'M8 3l6 9H2z';
const DOWN = 'M8 13L2 4h12z';
const RISING =
  'M9 3h5v5l-1.800-1.800L8 10.400 5.500 8l-3.600 3.600L.8 10.500l4.700-4.700L8 8.200l3-3.100z';
const FALLING =
  'M9 13h5V8l-1.800 1.800L8 5.600 5.500 8 1.900 4.400.8 5.500l4.700 4.700L8 7.800l3 3.100z';
const STEADY = 'M1 7.200h10V4.500L15 8l-4 3.500V8.800H1z';
const WAITING =
  'M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm0 1.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11z';
const RUNNING = 'M8 1a7 7 0 1 1-7 7h1.600A5.400 5.400 0 1 0 8 2.600z';
const LOCK =
  'M8 1a3.500 3.500 0 0 1 3.500 3.500V7H13v8H3V7h1.500V4.500A3.500 3.500 0 0 1 8 1zm0 1.500a2 2 0 0 0-2 2V7h4V4.500a2 2 0 0 0-2-2z';

const MARKS = {
  up: UP,
  down: DOWN,
  rising: RISING,
  falling: FALLING,
  steady: STEADY,
  waiting: WAITING,
  running: RUNNING,
  lock: LOCK
};

const Shape = ({ path, className }: { path: string; className: string }) => (
  <svg className={className} viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
    <path d={path} fill="currentColor" fillRule="evenodd" />
  </svg>
);

export const SeverityIcon = ({ severity }: { severity: Severity }) => (
  <Shape path={SHAPES[severity]} className={`jp-nbship-icon jp-nbship-mod-${severity}`} />
);

export const RefreshIcon = () => <Shape path={REFRESH} className="jp-nbship-icon" />;

export const Chevron = () => <Shape path={CHEVRON} className="jp-nbship-icon jp-nbship-chevron" />;

export const Mark = ({ shape, tone = '' }: { shape: keyof typeof MARKS; tone?: string }) => (
  <Shape path={MARKS[shape]} className={`jp-nbship-icon jp-nbship-mark-${shape} ${tone}`} />
);
