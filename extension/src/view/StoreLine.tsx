import { ago, moment } from './format';
import { SeverityIcon } from './Icon';
import type { Store } from './state';
import { useWords } from './words';

interface Props {
  store: Store;
  /** Whether there is anything to show from before. */
  known: boolean;
  now: Date;
}

/** Whether the registry answers, and how old what we show is. */
export function StoreLine({ store, known, now }: Props) {
  const words = useWords();
  const age = (
    <time dateTime={store.as_of} title={moment(store.as_of)}>
      {ago(store.as_of, now)}
    </time>
  );
  if (store.reachable) {
    return (
      <p className="jp-nbship-store">
        {words.__('Registry read')} {age}
      </p>
    );
  }
  return (
    <div className="jp-nbship-store jp-nbship-mod-away" role="status">
      <SeverityIcon severity="warning" />
      <div>
        <strong>{words.__('Registry away.')}</strong>{' '}
        {known && (
          <>
            {words.__('Last known state:')} {age}.
          </>
        )}
        {store.message !== null && <p>{store.message}</p>}
        {store.help && <p>{store.help}</p>}
      </div>
    </div>
  );
}
