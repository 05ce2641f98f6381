import type { Event } from '@jupyterlab/services';

import type { SidebarModel } from './model';
import type { WorkbenchModel } from './workbench';

const SCHEMA = 'urn:nbship:lab:v1';

/** Let the server's events refresh what they are about; they carry no data of their own. */
export function listen(
  events: Event.IManager,
  sidebar: Pick<SidebarModel, 'hear'>,
  workbench: Pick<WorkbenchModel, 'refreshJobs'>
): void {
  events.stream.connect((_, event) => {
    if (event.schema_id !== SCHEMA) {
      return;
    }
    const { kind, model, profile } = event;
    if (kind === 'state' && typeof model === 'string' && typeof profile === 'string') {
      sidebar.hear(model, profile);
    } else if (kind === 'job') {
      workbench.refreshJobs();
    }
  });
}
