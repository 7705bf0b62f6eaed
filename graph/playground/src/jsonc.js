// A Prettier plugin for the JSON of the variables and headers editors. It stands in for Prettier's Babel and ESTree plugins
// (see vite.config.js), which would add 140 kB of gzip to the bundle only to indent a few lines.
import { applyEdits, format } from 'jsonc-parser';

const layout = { insertSpaces: true, tabSize: 2 };

export const parsers = {
  jsonc: {
    astFormat: 'jsonc',
    parse: (text) => ({ text }),
    locStart: () => 0,
    locEnd: (node) => node.text.length,
  },
};

export const printers = {
  jsonc: {
    print: ({ node }) => applyEdits(node.text, format(node.text, undefined, layout)),
  },
};
