import { useEffect, useState } from 'react';

import { ActionBar } from './ActionBar';
import { Alerts } from './Alerts';
import { Cells } from './Cells';
import { Drift } from './Drift';
import { Export } from './Export';
import { Header } from './Header';
import { KernelLine, TrustLine } from './Lines';
import { Registry } from './Registry';
import { type Sections, SectionsContext } from './sections';
import type { ActionRequest, Actions, Situation, Workbench } from './situation';
import { Elsewhere } from './Situations';
import type { Done, State } from './state';
import { english, type Words, WordsContext } from './words';

interface Props {
  situation: Situation;
  /** Absent where there is no notebook beside the view, as in a cell's output. */
  workbench?: Workbench | null;
  actions?: Actions;
  sections?: Sections | null;
  /** The action that a command asked for; another object asks again. */
  asked?: ActionRequest | null;
  now?: Date;
  words?: Words;
}

/** The whole panel, wherever it is shown: it knows nothing of JupyterLab, comms or HTTP. */
export function Panel({
  situation,
  workbench = null,
  actions = {},
  sections = null,
  asked = null,
  now = new Date(),
  words = english
}: Props) {
  const notebook = 'notebook' in situation ? situation.notebook : null;
  const model = situation.kind === 'ready' ? situation.state.model : null;
  const [request, setRequest] = useState<ActionRequest | null>(null);
  useEffect(() => setRequest(asked), [asked]);
  useEffect(() => setRequest(null), [model]);
  return (
    <WordsContext.Provider value={words}>
      <SectionsContext.Provider value={sections}>
        <div className="jp-nbship">
          <Header situation={situation} actions={actions} now={now} />
          {workbench !== null && notebook !== null && (
            <>
              <TrustLine workbench={workbench} actions={actions} />
              <KernelLine workbench={workbench} actions={actions} />
            </>
          )}
          {situation.kind === 'ready' && hasContent(situation.state) ? (
            <Model
              key={`${situation.state.profile} ${situation.state.model}`}
              state={situation.state}
              workbench={workbench}
              actions={actions}
              request={request}
              setRequest={setRequest}
              now={now}
            />
          ) : (
            <Elsewhere situation={situation} actions={actions} />
          )}
          {workbench !== null && notebook !== null && (
            <>
              <Cells proposals={workbench.proposals} actions={actions} />
              <Export notebook={notebook} workbench={workbench} actions={actions} />
            </>
          )}
        </div>
      </SectionsContext.Provider>
    </WordsContext.Provider>
  );
}

const hasContent = (state: State): boolean => state.store.reachable || state.versions.length > 0;

interface ModelProps {
  state: State;
  workbench: Workbench | null;
  actions: Actions;
  request: ActionRequest | null;
  setRequest: (request: ActionRequest | null) => void;
  now: Date;
}

/** The model's own sections; an action asked for in one of them is shown in its place. */
function Model({ state, workbench, actions, request, setRequest, now }: ModelProps) {
  const [done, setDone] = useState<Done | null>(null);
  const acts = workbench !== null && actions.preview !== undefined;
  return (
    <>
      <Registry
        state={state}
        now={now}
        difference={workbench?.difference ?? null}
        actions={actions}
        onAction={acts ? setRequest : undefined}
      />
      {acts && (
        <ActionBar
          state={state}
          actions={actions}
          workbench={workbench}
          request={request}
          onRequest={setRequest}
          done={done}
          onDone={setDone}
        />
      )}
      <Drift state={state} actions={actions} now={now} />
      <Alerts
        state={state}
        actions={actions}
        may={workbench?.may ?? { read: true, write: false, execute: false }}
        now={now}
      />
    </>
  );
}
