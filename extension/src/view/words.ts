import { createContext, useContext } from 'react';

/** The part of JupyterLab's translation bundle that the view needs: `__('%1 rows', 3)`. */
export interface Words {
  __(message: string, ...values: (string | number)[]): string;
}

/** English, for front ends that bring no translations. */
export const english: Words = {
  __: (message, ...values) =>
    message.replace(/%(\d)/g, (all, index) => String(values[Number(index) - 1] ?? all))
};

export const WordsContext = createContext<Words>(english);

export const useWords = (): Words => useContext(WordsContext);
