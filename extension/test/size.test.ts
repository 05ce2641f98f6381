/** @jest-environment node */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { build, type BuildOptions } from 'esbuild';

const ROOT = join(__dirname, '..');

/** JupyterLab brings these; what we ship is our own. */
const BROUGHT = ['@jupyterlab/*', '@lumino/*', 'react', 'react/*', 'react-dom'];

/** What each bundle may weigh, minified, in kilobytes: raise it knowingly. */
const BUDGETS: [string, BuildOptions, number][] = [
  ['the sidebar, without what JupyterLab brings', { external: BROUGHT }, 110],
  ['the view in a cell, with React', { entryPoints: ['src/widget.tsx'] }, 240]
];

test.each(BUDGETS)('%s stays within its budget', async (name, options, budget) => {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/index.ts'],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    loader: { '.css': 'text', '.svg': 'text' },
    define: { 'process.env.NODE_ENV': '"production"' },
    ...options
  });
  const text = outputFiles?.[0]?.contents ?? new Uint8Array();
  const size = text.length / 1000;
  process.stdout.write(
    `${name}: ${size.toFixed(0)} KB, ${(gzipSync(text).length / 1000).toFixed(0)} KB compressed\n`
  );
  expect(size).toBeGreaterThan(1);
  expect(size).toBeLessThan(budget);
});
