import { SeverityIcon } from './Icon';
import type { Actions, Workbench } from './situation';
import { useWords } from './words';

interface Props {
  workbench: Workbench;
  actions: Actions;
}

/** An untrusted notebook may be looked at; what acts on its word waits. */
export function TrustLine({ workbench, actions }: Props) {
  const words = useWords();
  return workbench.trusted ? null : (
    <div className="jp-nbship-line">
      <SeverityIcon severity="warning" />
      <span>{words.__('Not trusted: nothing runs or changes on this notebook’s word.')}</span>
      {actions.trust !== undefined && (
        <button type="button" onClick={actions.trust}>
          {words.__('Trust…')}
        </button>
      )}
    </div>
  );
}

/** A busy kernel is no reason to wait; a dead one has lost nothing that was recorded. */
export function KernelLine({ workbench, actions }: Props) {
  const words = useWords();
  switch (workbench.kernel) {
    case 'busy':
      return (
        <div className="jp-nbship-line">
          <SeverityIcon severity="info" />
          <span>
            {words.__(
              'The kernel is busy. All this works meanwhile; what it computes now follows.'
            )}
          </span>
        </div>
      );
    case 'dead':
      return (
        <div className="jp-nbship-line">
          <SeverityIcon severity="warning" />
          <span>{words.__('The kernel died. What was recorded until then is kept.')}</span>
          {actions.restartKernel !== undefined && (
            <button type="button" onClick={actions.restartKernel}>
              {words.__('Restart the kernel…')}
            </button>
          )}
        </div>
      );
    default:
      return null;
  }
}
