import { SeverityIcon } from './Icon';
import type { Evidence, Preview, Severity } from './state';
import { useWords, type Words } from './words';

const ICONS: Record<Evidence['verdict'], Severity> = {
  better: 'none',
  worse: 'critical',
  same: 'too_few',
  unknown: 'too_few'
};

function word(verdict: Evidence['verdict'], words: Words): string {
  switch (verdict) {
    case 'better':
      return words.__('better');
    case 'worse':
      return words.__('worse');
    case 'same':
      return words.__('the same');
    case 'unknown':
      return words.__('not comparable');
  }
}

/** What would change, and the evidence for and against. */
export function PreviewTables({ preview }: { preview: Preview }) {
  const words = useWords();
  return (
    <>
      {preview.says !== '' && <p>{preview.says}.</p>}
      {preview.changes.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{words.__('Changes')}</th>
              <th scope="col">{words.__('from')}</th>
              <th scope="col">{words.__('to')}</th>
            </tr>
          </thead>
          <tbody>
            {preview.changes.map(change => (
              <tr key={change.what}>
                <th scope="row">{change.what}</th>
                <td>{change.before ?? '–'}</td>
                <td>{change.after ?? '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {preview.evidence.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{words.__('Evidence')}</th>
              <th scope="col">{words.__('now')}</th>
              <th scope="col">{words.__('then')}</th>
              <th scope="col">{words.__('Verdict')}</th>
            </tr>
          </thead>
          <tbody>
            {preview.evidence.map(each => (
              <tr key={each.name}>
                <th scope="row">{each.name}</th>
                <td>{each.was ?? '–'}</td>
                <td>{each.will_be ?? '–'}</td>
                <td>
                  <span className="jp-nbship-severity">
                    <SeverityIcon severity={ICONS[each.verdict]} />
                    <span>{word(each.verdict, words)}</span>
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {preview.warnings.length > 0 && (
        <ul className="jp-nbship-warnings">
          {preview.warnings.map(warning => (
            <li key={warning}>
              <SeverityIcon severity="warning" />
              <span>{warning}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
