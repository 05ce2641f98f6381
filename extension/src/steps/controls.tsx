import type { Cell, ICellModel } from '@jupyterlab/cells';
import { type Notebook, NotebookTools } from '@jupyterlab/notebook';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { PanelLayout } from '@lumino/widgets';

import type { Words } from '../view/words';
import { effectiveMark, mark, saidByCell, stepNames } from './marking';
import { StepSelect } from './StepSelect';

interface Options {
  words: Words;
  /** Asks for a name and writes it. */
  onOther: () => void;
}

const notebookOf = (cell: Cell): Notebook | null => {
  const parent = cell.parent as Notebook | null;
  return parent !== null && 'activeCellIndex' in parent ? parent : null;
};

/** The step of one cell, to read and to choose. */
class StepControl extends ReactWidget {
  constructor(
    private readonly cell: Cell,
    private readonly options: Options,
    private readonly label?: string
  ) {
    super();
    this.addClass('jp-nbship-step-control');
  }

  override render() {
    const model: ICellModel = this.cell.model;
    return (
      <UseSignal signal={model.metadataChanged}>
        {() => {
          const notebook = notebookOf(this.cell)?.model ?? null;
          return (
            <StepSelect
              mark={effectiveMark(model)}
              said={saidByCell(model)}
              names={notebook === null ? [] : stepNames(notebook)}
              words={this.options.words}
              label={this.label}
              disabled={notebook === null || notebook.readOnly}
              onMark={to => {
                if (notebook !== null) {
                  mark(notebook, [[model, to]]);
                }
              }}
              onOther={this.options.onOther}
            />
          );
        }}
      </UseSignal>
    );
  }
}

/** The control in the toolbar of the active cell; only code becomes steps. */
export const toolbarControl = (cell: Cell, options: Options): ReactWidget =>
  cell.model.type === 'code' ? new StepControl(cell, options) : ReactWidget.create(<span hidden />);

/** The same control in the property inspector. */
export class StepTool extends NotebookTools.Tool {
  constructor(private readonly options: Options) {
    super();
    this.addClass('jp-nbship-step-tool');
    this.layout = new PanelLayout();
  }

  protected override onActiveCellChanged(): void {
    const layout = this.layout as PanelLayout;
    layout.widgets.slice().forEach(widget => widget.dispose());
    const cell = this.notebookTools.activeCell;
    if (cell?.model.type === 'code') {
      layout.addWidget(new StepControl(cell, this.options, this.options.words.__('Step')));
    }
  }
}
