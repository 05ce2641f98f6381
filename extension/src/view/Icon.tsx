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
