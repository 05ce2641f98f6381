import { Component, type ReactNode } from 'react';

import { Problem } from './Problem';

interface Props {
  title: string;
  children: ReactNode;
}

/** One part that cannot be drawn says so in its place; the others stay. */
export class Boundary extends Component<Props, { broken: string | null }> {
  static getDerivedStateFromError(error: unknown): { broken: string } {
    return { broken: error instanceof Error ? error.message : String(error) };
  }

  override state: { broken: string | null } = { broken: null };

  override render() {
    const { broken } = this.state;
    return broken === null ? (
      this.props.children
    ) : (
      <Problem
        failure={{
          what: `${this.props.title}: ${broken}`,
          help: 'This part cannot be drawn; the others can. Please report it.'
        }}
      />
    );
  }
}
