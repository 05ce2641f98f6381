import { act, type ReactElement } from 'react';
import { createRoot } from 'react-dom/client';

import { Panel } from '../src/view/Panel';
import type { Actions, Situation } from '../src/view/situation';
import type { State } from '../src/view/state';
import { NOW } from './examples';

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

export function render(element: ReactElement): HTMLElement {
  const place = document.createElement('div');
  document.body.replaceChildren(place);
  act(() => createRoot(place).render(element));
  return place;
}

export const renderPanel = (situation: Situation, actions?: Actions): HTMLElement =>
  render(<Panel situation={situation} actions={actions} now={NOW} />);

export const renderState = (state: State): HTMLElement =>
  renderPanel({ kind: 'ready', notebook: null, state });

export function click(place: HTMLElement, label: RegExp | string): void {
  const button = [...place.querySelectorAll('button')].find(each => {
    const text = each.getAttribute('aria-label') ?? each.textContent;
    return typeof label === 'string' ? text === label : label.test(text);
  });
  if (button === undefined) {
    throw new Error(`no button ${String(label)} in ${place.textContent}`);
  }
  act(() => button.click());
}
