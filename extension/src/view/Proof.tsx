import { useState } from 'react';

import { Disclosure } from './Disclosure';
import { count } from './format';
import { Chevron, SeverityIcon } from './Icon';
import type { Actions } from './situation';
import type { ExportFinding, ExportResult, Severity } from './state';
import { useWords, type Words } from './words';

interface Props {
  result: ExportResult;
  jump: Actions['jump'];
}

/** Whether the package gives the notebook's own results, name by name. */
export function Proof({ result, jump }: Props) {
  const words = useWords();
  const { status, names } = result.verification;
  return (
    <div className="jp-nbship-proof">
      <p className="jp-nbship-severity">
        <SeverityIcon severity={ICONS[status]} />
        <strong>{statusWord(status, words)}</strong>
      </p>
      <p>
        {tally(names)
          .map(([word, number]) => `${count(number)} ${word}`)
          .join(', ')}
      </p>
      <p>
        {words.__('%1 steps, %2 files in', count(result.steps.length), count(result.files.length))}{' '}
        <code>{result.path}</code>
      </p>
      <Names names={names} />
      {result.findings.length > 0 && (
        <ul className="jp-nbship-problems">
          {result.findings.slice(0, FINDINGS).map((finding, place) => (
            <Finding key={`${place} ${finding.code}`} finding={finding} jump={jump} />
          ))}
        </ul>
      )}
    </div>
  );
}

const FINDINGS = 20;

const ICONS: Record<ExportResult['verification']['status'], Severity> = {
  equal: 'none',
  different: 'critical',
  not_run: 'too_few'
};

function statusWord(status: ExportResult['verification']['status'], words: Words): string {
  switch (status) {
    case 'equal':
      return words.__('Equal: the package gives the notebook’s own results');
    case 'different':
      return words.__('Different: some results are not the notebook’s');
    case 'not_run':
      return words.__('Not compared');
  }
}

/** How many names there are of each verdict, most first. */
function tally(names: Record<string, string>): [string, number][] {
  const counts = new Map<string, number>();
  for (const verdict of Object.values(names)) {
    counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}

function Names({ names }: { names: Record<string, string> }) {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const order = Object.entries(names).sort(([, a], [, b]) => fine(a) - fine(b));
  return order.length === 0 ? null : (
    <Disclosure
      open={open}
      setOpen={setOpen}
      className="jp-nbship-sub"
      head={
        <>
          <Chevron />
          {words.__('Name by name')}
        </>
      }
    >
      <table>
        <thead>
          <tr>
            <th scope="col">{words.__('Name')}</th>
            <th scope="col">{words.__('Verdict')}</th>
          </tr>
        </thead>
        <tbody>
          {order.map(([name, verdict]) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
              </th>
              <td>{verdict}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Disclosure>
  );
}

const fine = (verdict: string): number =>
  ['different', 'missing', 'unchecked', 'volatile', 'close', 'equal'].indexOf(verdict);

function Finding({ finding, jump }: { finding: ExportFinding; jump: Actions['jump'] }) {
  const words = useWords();
  const { cell, severity } = finding;
  return (
    <li>
      <SeverityIcon severity={severity === 'error' ? 'critical' : severity} />
      <div>
        <p>
          <code>{finding.code}</code> {finding.message}
        </p>
        {finding.help && <p className="jp-nbship-help">{finding.help}</p>}
      </div>
      {cell !== null && jump !== undefined && (
        <button type="button" className="jp-nbship-link" onClick={() => jump(cell)}>
          {words.__('Go to cell %1', cell)}
        </button>
      )}
    </li>
  );
}
