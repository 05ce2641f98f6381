import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import type { Cell, ICellModel } from '@jupyterlab/cells';
import { INotebookTools, INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { StepBadges } from '../steps/badges';
import { StepTool, toolbarControl } from '../steps/controls';
import { mark, readMark, stepNames } from '../steps/marking';
import {
  isStepName,
  type Mark,
  MODULES,
  PARAMETERS,
  SKIP,
  stepMark,
  stepName
} from '../steps/tags';
import type { Words } from '../view/words';

const SET = 'nbship:set-step';
const CLEAR = 'nbship:clear-step';
const NO_ARGUMENTS = { args: { type: 'object', properties: {} } };
const STEP = {
  args: {
    type: 'object',
    properties: {
      step: {
        type: 'string',
        description: 'NAME or MODULE.FUNCTION, or "skip", or "parameters"; asked for if left out'
      }
    }
  }
};

/** Which step a cell belongs to: badge, toolbar, property inspector, command, context menu, all the same tags. */
export const steps: JupyterFrontEndPlugin<void> = {
  id: 'nbship:steps',
  description: 'Shows and sets the step that a cell becomes when the notebook is exported.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [IToolbarWidgetRegistry, INotebookTools, ICommandPalette, ITranslator],
  activate: (
    { commands }: JupyterFrontEnd,
    tracker: INotebookTracker,
    toolbars: IToolbarWidgetRegistry | null,
    tools: INotebookTools | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ) => {
    const words = (translator ?? nullTranslator).load('nbship');
    const onOther = (): void => void commands.execute(SET);
    tracker.widgetAdded.connect((_, panel) => new StepBadges(panel));
    tracker.forEach(panel => new StepBadges(panel));
    toolbars?.addFactory<Cell>('Cell', 'nbship-step', cell =>
      toolbarControl(cell, { words, onOther })
    );
    tools?.addSection({ sectionName: 'nbship', label: words.__('nbship'), rank: 50 });
    tools?.addItem({ section: 'nbship', tool: new StepTool({ words, onOther }) });
    const isEnabled = (): boolean =>
      chosen(tracker).length > 0 && tracker.currentWidget?.content.model?.readOnly === false;
    commands.addCommand(SET, {
      label: args =>
        typeof args['step'] === 'string'
          ? words.__('Set Step of Cells to %1', args['step'])
          : words.__('Set Step of Cells…'),
      caption: words.__('Say which step the selected cells become when the notebook is exported'),
      isEnabled,
      describedBy: STEP,
      execute: async args => {
        const said = args['step'];
        const to = typeof said === 'string' ? said : await askForStep(tracker, words);
        if (to !== null) {
          setStep(tracker, to);
        }
      }
    });
    commands.addCommand(CLEAR, {
      label: words.__('Clear Step of Cells'),
      isEnabled,
      describedBy: NO_ARGUMENTS,
      execute: () => markChosen(tracker, '')
    });
    for (const command of [SET, CLEAR]) {
      palette?.addItem({ command, category: 'nbship' });
    }
  }
};

/** The selected code cells of the notebook in front. */
function chosen(tracker: INotebookTracker): ICellModel[] {
  const notebook = tracker.currentWidget?.content;
  return (notebook?.selectedCells ?? [])
    .map(cell => cell.model)
    .filter(cell => cell.type === 'code');
}

function markChosen(tracker: INotebookTracker, to: Mark): void {
  const notebook = tracker.currentWidget?.content.model;
  if (notebook) {
    mark(
      notebook,
      chosen(tracker).map(cell => [cell, to])
    );
  }
}

/** Set the step of the selected cells; raises where the name can be none. */
function setStep(tracker: INotebookTracker, name: string): void {
  if (name === SKIP || name === PARAMETERS) {
    markChosen(tracker, name);
  } else if (isStepName(name)) {
    markChosen(tracker, stepMark(name));
  } else {
    throw new Error(
      `"${name}" cannot be a step: letters, digits and _, at most one dot between module and function.`
    );
  }
}

/** A step's name from the user, offered those there are; null where they thought better of it. */
async function askForStep(tracker: INotebookTracker, words: Words): Promise<string | null> {
  const model = tracker.currentWidget?.content.model;
  const [cell] = chosen(tracker);
  if (!model || cell === undefined) {
    return null;
  }
  const names = [...new Set([...stepNames(model), ...MODULES])];
  const answer = await InputDialog.getItem({
    title: words.__('Step of the selected cells'),
    label: words.__('A name, or MODULE.FUNCTION: letters, digits and _'),
    items: [...names, PARAMETERS, SKIP],
    current: stepName(readMark(cell)) ?? '',
    editable: true,
    okLabel: words.__('Set')
  });
  const name = answer.button.accept ? (answer.value ?? '').trim() : '';
  return name === '' ? null : name;
}
