/** The version of this half; a test holds it equal to package.json. */
export const VERSION = '0.1.0';

/** npm's spelling as Python's: `1.0.0-rc.1` is `1.0.0rc1`. */
export const pythonVersion = (version: string): string =>
  version.replace(/-alpha\.|-beta\.|-rc\./, mark => mark.replace(/-(a|b|rc).*/, '$1'));
