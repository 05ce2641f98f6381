import type { IStateDB } from '@jupyterlab/statedb';

import type { Sections } from './view/sections';

const KEY = 'nbship:sections';

/** The open sections, kept with the workspace's layout. */
export class KeptSections implements Sections {
  constructor(private readonly states: IStateDB | null) {
    this.ready = this.read();
  }

  /** Resolved when what was kept has been read; never rejected. */
  readonly ready: Promise<void>;

  /** Whether what was kept has been read. */
  loaded = false;

  isOpen(name: string): boolean | undefined {
    return this.open[name];
  }

  toggle(name: string, open: boolean): void {
    this.open = { ...this.open, [name]: open };
    void this.states?.save(KEY, this.open).catch(() => undefined);
  }

  private async read(): Promise<void> {
    try {
      const kept = await this.states?.fetch(KEY);
      for (const [name, open] of Object.entries(kept ?? {})) {
        if (typeof open === 'boolean') {
          this.open[name] = open;
        }
      }
    } catch {
      // All sections open is a state to begin with, too.
    }
    this.loaded = true;
  }

  private open: Record<string, boolean> = {};
}
