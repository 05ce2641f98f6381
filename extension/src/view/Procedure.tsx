import type { Alert } from './state';
import { useWords } from './words';

/** Who owns an alert and what they do about it; a runbook is a link only where it is a web address. */
export function Procedure({ alert }: { alert: Alert }) {
  const words = useWords();
  const { owner, action, escalation, runbook } = alert;
  if (owner === null && action === null && escalation === null && runbook === null) {
    return null;
  }
  return (
    <dl className="jp-nbship-procedure">
      {owner !== null && <Fact name={words.__('owner')} value={owner} />}
      {action !== null && <Fact name={words.__('do')} value={action} />}
      {escalation !== null && <Fact name={words.__('else')} value={escalation} />}
      {runbook !== null && (
        <div>
          <dt>{words.__('runbook')}</dt>
          <dd>
            {isWebAddress(runbook) ? (
              <a href={runbook} target="_blank" rel="noopener noreferrer">
                {runbook}
              </a>
            ) : (
              <bdi>{runbook}</bdi>
            )}
          </dd>
        </div>
      )}
    </dl>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>
      <bdi>{value}</bdi>
    </dd>
  </div>
);

/** Only what the browser opens as a page: never a script or a file. */
export function isWebAddress(text: string): boolean {
  try {
    return ['http:', 'https:'].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
