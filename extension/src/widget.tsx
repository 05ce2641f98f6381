/** The view as an anywidget: the trait `state` is the document, whatever the front end. */
import type { RenderProps } from '@anywidget/types';
import { createRoot } from 'react-dom/client';

import css from '../style/view.css';
import { Asks } from './asks';
import { Panel } from './view/Panel';
import type { State } from './view/state';

interface Traits {
  state: State | null;
  /** What the kernel answers when the view asks on. */
  asks?: string[];
}

function render({ model, el }: RenderProps<Traits>): () => void {
  const style = document.createElement('style');
  style.textContent = css;
  const place = document.createElement('div');
  place.className = 'jp-nbship-widget';
  el.append(style, place);
  // Each cell brings a React of its own, which would count its ids from one again.
  const root = createRoot(place, {
    identifierPrefix: `nbship-${Math.random().toString(36).slice(2)}-`
  });
  const asks = new Asks(model);
  const draw = (): void => {
    const state = model.get('state');
    if (state !== null) {
      root.render(
        <Panel
          situation={{ kind: 'ready', notebook: null, state }}
          actions={asks.actions(model.get('asks') ?? [])}
        />
      );
    }
  };
  model.on('change:state', draw);
  draw();
  return () => {
    model.off('change:state', draw);
    asks.dispose();
    root.unmount();
  };
}

export default { render };
