import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { Activities } from 'docs/Activities.jsx';
import { client } from 'docs/annals.js';

const filters = { push: { connector: { in: ['push'] } }, kubernetes: { connector: { in: ['kubernetes'] } } };

function App() {
  const [chosen, choose] = useState('push');
  return (
    <Provider value={client}>
      {Object.keys(filters).map((name) => (
        <button key={name} onClick={() => choose(name)}>
          {name}
        </button>
      ))}
      <Activities filter={filters[chosen]} zone="Europe/Berlin" />
    </Provider>
  );
}

window.client = client;
createRoot(document.getElementById('root')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
