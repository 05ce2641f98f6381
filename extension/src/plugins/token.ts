import { Token } from '@lumino/coreutils';

import type { SidebarModel } from '../model';
import type { OpenNotebook } from '../notebook';
import type { ActionRequest, Actions } from '../view/situation';
import type { WorkbenchModel } from '../workbench';

/** What the sidebar lets our other plugins see and do; a user can switch each of them off. */
export interface ISidebar {
  readonly notebook: OpenNotebook;
  readonly model: SidebarModel;
  readonly workbench: WorkbenchModel;
  readonly actions: Actions;
  /** Bring the panel to the front. */
  open(): void;
  /** Bring the panel to the front with the preview of an action. */
  ask(request: ActionRequest): void;
}

export const ISidebar = new Token<ISidebar>(
  'nbship:ISidebar',
  'The open notebook’s model, as the nbship sidebar shows it.'
);
