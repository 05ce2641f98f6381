import type { TranslationBundle } from '@jupyterlab/translation';
import { LabIcon, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { type ISignal, Signal } from '@lumino/signaling';

import shipSvg from '../style/icons/ship.svg';
import type { SidebarModel } from './model';
import type { KeptSections } from './sections';
import { Panel } from './view/Panel';
import type { ActionRequest, Actions } from './view/situation';
import type { WorkbenchModel } from './workbench';

export const shipIcon = new LabIcon({ name: 'nbship:ship', svgstr: shipSvg });

interface Options {
  model: SidebarModel;
  workbench: WorkbenchModel;
  actions: Actions;
  sections: KeptSections;
  words: TranslationBundle;
}

/** The view in JupyterLab's right sidebar. */
export class SidebarPanel extends ReactWidget {
  constructor(private readonly options: Options) {
    super();
    this.id = 'nbship-panel';
    this.addClass('jp-nbship-panel');
    this.title.icon = shipIcon;
    this.title.caption = options.words.__('nbship: the model’s registry state and drift');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'nbship');
    options.model.changed.connect(this.onChange, this);
    options.workbench.changed.connect(this.onChange, this);
    void options.sections.ready.then(() => this.onChange());
  }

  /** Open the preview of an action, as its button would. */
  ask(request: ActionRequest): void {
    this.asked = { ...request };
    this.onChange();
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  override render() {
    const { model, workbench, actions, sections, words } = this.options;
    return (
      <UseSignal signal={this.redraw}>
        {() =>
          // What was folded must not open for a moment first.
          sections.loaded && (
            <Panel
              situation={model.situation}
              workbench={workbench.value}
              actions={actions}
              sections={sections}
              asked={this.asked}
              words={words}
            />
          )
        }
      </UseSignal>
    );
  }

  protected override onAfterShow(): void {
    this.options.model.visible = true;
    this.options.workbench.visible = true;
    this.onChange();
  }

  protected override onAfterHide(): void {
    this.options.model.visible = false;
    this.options.workbench.visible = false;
  }

  /** A hidden panel is not drawn: it costs the notebook nothing. */
  private onChange(): void {
    if (this.isVisible) {
      this.signal.emit();
    }
  }

  private get redraw(): ISignal<this, void> {
    return this.signal;
  }

  private asked: ActionRequest | null = null;
  private readonly signal = new Signal<this, void>(this);
}
