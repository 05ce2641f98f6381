import type { TranslationBundle } from '@jupyterlab/translation';
import { LabIcon, ReactWidget, UseSignal } from '@jupyterlab/ui-components';

import shipSvg from '../style/icons/ship.svg';
import type { SidebarModel } from './model';
import { Panel } from './view/Panel';
import type { Actions } from './view/situation';

export const shipIcon = new LabIcon({ name: 'nbship:ship', svgstr: shipSvg });

/** The view in JupyterLab's right sidebar. */
export class SidebarPanel extends ReactWidget {
  constructor(
    private readonly model: SidebarModel,
    private readonly actions: Actions,
    private readonly words: TranslationBundle
  ) {
    super();
    this.id = 'nbship-panel';
    this.addClass('jp-nbship-panel');
    this.title.icon = shipIcon;
    this.title.caption = words.__('nbship: the model’s registry state and drift');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'nbship');
  }

  override render() {
    return (
      <UseSignal signal={this.model.changed}>
        {() => <Panel situation={this.model.situation} actions={this.actions} words={this.words} />}
      </UseSignal>
    );
  }

  protected override onAfterShow(): void {
    this.model.visible = true;
  }

  protected override onAfterHide(): void {
    this.model.visible = false;
  }
}
