import type { Situation } from '../view/situation';
import { glance } from '../view/summary';
import type { Words } from '../view/words';

/** What stands after the model's name. */
export function statusText(situation: Situation, words: Words): string {
  if (situation.kind !== 'ready') {
    return '';
  }
  const { champion, drifting, alerts } = glance(situation.state);
  const parts = [
    champion === null ? words.__('no champion') : words.__('v%1 @champion', champion),
    drifting > 0 && words.__('%1 drifting', drifting),
    alerts > 0 && (alerts === 1 ? words.__('1 alert') : words.__('%1 alerts', alerts)),
    !situation.state.store.reachable && words.__('registry away')
  ];
  return ` ${parts.filter(part => part !== false).join(', ')}`;
}
