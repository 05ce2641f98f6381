import { type DependencyList, useEffect, useState } from 'react';

import { failureOf, type Loaded } from './situation';

/** What a promise brings, and meanwhile that it is on its way; a late answer to an older question is dropped. */
export function useRemote<Value>(
  load: (() => Promise<Value>) | null,
  about: DependencyList
): Loaded<Value> {
  const [loaded, setLoaded] = useState<Loaded<Value>>({ kind: 'loading' });
  useEffect(() => {
    if (load === null) {
      return;
    }
    let wanted = true;
    const tell = (answer: Loaded<Value>): void => {
      if (wanted) {
        setLoaded(answer);
      }
    };
    setLoaded({ kind: 'loading' });
    load().then(
      value => tell({ kind: 'known', value }),
      (error: unknown) => tell({ kind: 'failed', failure: failureOf(error) })
    );
    return () => {
      wanted = false;
    };
    // `load` is a new closure at each drawing; `about` says what it depends on.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, about);
  return loaded;
}
