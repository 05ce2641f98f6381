import { SeverityIcon } from './Icon';
import type { Severity } from './state';
import { useWords, type Words } from './words';

export function severityWord(severity: Severity, words: Words): string {
  switch (severity) {
    case 'critical':
      return words.__('Critical');
    case 'warning':
      return words.__('Warning');
    case 'info':
      return words.__('Slight');
    case 'too_few':
      return words.__('Too few rows');
    case 'none':
      return words.__('Within limits');
  }
}

/** A severity as icon and word: never colour alone. */
export function SeverityLabel({ severity }: { severity: Severity }) {
  const words = useWords();
  return (
    <span className="jp-nbship-severity">
      <SeverityIcon severity={severity} />
      <span>{severityWord(severity, words)}</span>
    </span>
  );
}
