import { SeverityIcon } from './Icon';
import type { Failure } from './situation';

/** A failure in its place: what, where, and the next step. */
export function Problem({ failure, alert = true }: { failure: Failure; alert?: boolean }) {
  return (
    <div className="jp-nbship-problem" role={alert ? 'alert' : undefined}>
      <SeverityIcon severity="warning" />
      <div>
        <p>
          {failure.where && <code>{failure.where}</code>}
          {failure.where && ': '}
          {failure.what}
        </p>
        {failure.help && <p className="jp-nbship-help">{failure.help}</p>}
      </div>
    </div>
  );
}
