import { count, percent } from './format';
import { Problem } from './Problem';
import { useRemote } from './remote';
import type { Bin, FeatureDetail } from './state';
import { useWords } from './words';

interface Props {
  load: () => Promise<FeatureDetail>;
  about: string;
}

/** Reference against current, bin by bin: a table whose cells are bars, so that it reads without them too. */
export function Distribution({ load, about }: Props) {
  const words = useWords();
  const loaded = useRemote(load, [about]);
  if (loaded.kind === 'loading') {
    return <p aria-busy="true">{words.__('Reading the distribution…')}</p>;
  }
  if (loaded.kind === 'failed') {
    return <Problem failure={loaded.failure} />;
  }
  const { value: detail } = loaded;
  return (
    <>
      {detail.note !== null && <p>{detail.note}</p>}
      {detail.bins.length > 0 && <Bins detail={detail} />}
      {detail.newcomers.length > 0 && (
        <p>
          {words.__('Not seen in training:')}{' '}
          {detail.newcomers.slice(0, 10).map(value => (
            <code key={value} className="jp-nbship-value">
              <bdi>{value}</bdi>
            </code>
          ))}
          {detail.newcomers.length > 10 &&
            words.__(' and %1 more', count(detail.newcomers.length - 10))}
        </p>
      )}
    </>
  );
}

function Bins({ detail }: { detail: FeatureDetail }) {
  const words = useWords();
  const most = Math.max(...detail.bins.map(bin => Math.max(bin.reference, bin.current ?? 0)), 1e-9);
  return (
    <table className="jp-nbship-bins">
      <thead>
        <tr>
          <th scope="col">{detail.kind === 'numeric' ? words.__('Range') : words.__('Value')}</th>
          <th scope="col">
            <span className="jp-nbship-key-reference" />
            {words.__('Reference')}
          </th>
          <th scope="col">
            <span className="jp-nbship-key-current" />
            {words.__('Current')}
          </th>
        </tr>
      </thead>
      <tbody>
        {detail.bins.map(bin => (
          <BinRow key={bin.label} bin={bin} most={most} />
        ))}
        <Missing detail={detail} />
      </tbody>
    </table>
  );
}

function BinRow({ bin, most }: { bin: Bin; most: number }) {
  return (
    <tr>
      <th scope="row" title={bin.label}>
        <bdi>{bin.label}</bdi>
      </th>
      <td>
        <Bar share={bin.reference} most={most} of="reference" />
      </td>
      <td>
        <Bar share={bin.current} most={most} of="current" />
      </td>
    </tr>
  );
}

interface BarProps {
  share: number | null;
  most: number;
  of: 'reference' | 'current';
}

function Bar({ share, most, of }: BarProps) {
  if (share === null) {
    return <>–</>;
  }
  return (
    <span className="jp-nbship-bar">
      <span
        className={`jp-nbship-bar-${of}`}
        style={{ inlineSize: `${(share / most) * 100}%` }}
        aria-hidden="true"
      />
      <span>{percent(share)}</span>
    </span>
  );
}

function Missing({ detail }: { detail: FeatureDetail }) {
  const words = useWords();
  const { reference, current } = detail.missing;
  return reference || current ? (
    <tr>
      <th scope="row">{words.__('missing')}</th>
      <td>{percent(reference)}</td>
      <td>{current === null ? '–' : percent(current)}</td>
    </tr>
  ) : null;
}
