import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import './workers.js';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import 'graphiql/graphiql.css';
import './style.css';
import { examples } from './examples.js';
import { fetcher } from './fetcher.js';
import { prepareFirstVisit } from './firstvisit.js';
import { Session, placeholder } from './session.jsx';

// What the variables editor takes for a scalar without complaint. Without this it expects no object where the schema says JSON.
const scalars = { JSON: { type: ['object', 'array', 'string', 'number', 'boolean'] } };

prepareFirstVisit(window.sessionStorage, examples[0]);

// The history plugin stays out: it would store headers, that is tokens, with every query. What GraphiQL stores besides
// (queries, and variables that may hold a vendor's secret) ends with the browser's tab.
createRoot(document.getElementById('root')).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={[]}
    storage={window.sessionStorage}
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
    defaultHeaders={placeholder}
    defaultEditorToolsVisibility="headers"
    defaultQuery=""
    defaultTabs={examples}
    customScalarSchemas={scalars}
  >
    <GraphiQL.Logo>Annals</GraphiQL.Logo>
    <Session />
  </GraphiQL>,
);
