// esbuild is here for the widget's bundle anyway; types are checked by tsc.
const { transformSync } = require('esbuild');

module.exports = {
  process: (source, path) =>
    transformSync(source, {
      loader: path.endsWith('x') ? 'tsx' : 'ts',
      format: 'cjs',
      jsx: 'automatic',
      target: 'node20',
      sourcemap: 'inline',
      sourcefile: path
    })
};
