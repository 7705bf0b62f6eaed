import { parse as parseDocument } from 'graphql';
import { createClient } from 'graphql-ws';

// The API of the server that served this page; nothing in the page's address changes it.
const endpoint = new URL('/graphql', window.location.origin);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';

/** Runs what GraphiQL hands over: subscriptions over graphql-transport-ws, everything else as a POST. */
export function fetcher(asked, { headers = {} } = {}) {
  const operations = operationsOf(asked.query);
  const request = { ...asked, operationName: named(operations, asked.operationName) };
  if (isSubscription(operations, request.operationName)) {
    return subscription(request, headers);
  }
  if (request.operationName === 'IntrospectionQuery') {
    return introspection(request, headers);
  }
  return post(request, headers);
}

// What does not parse has none: the API says what is wrong with it.
function operationsOf(query) {
  try {
    return parseDocument(query).definitions.filter((node) => node.kind === 'OperationDefinition');
  } catch {
    return [];
  }
}

// Right after another tab was chosen GraphiQL still names the operation of the one before.
function named(operations, name) {
  return operations.length === 1 && operations[0].name?.value !== name ? operations[0].name?.value : name;
}

function isSubscription(operations, name) {
  return operations.find((node) => !name || node.name?.value === name)?.operation === 'subscription';
}

// Without a token nothing is asked, so that opening the page is no failed sign-in. `data` is always there, because GraphiQL would
// answer its absence by asking again for less.
async function introspection(request, headers) {
  if (!hasCredentials(headers)) {
    return refusal('No token yet. Paste one under Headers; documentation and completion need the scope schema:read.');
  }
  return { data: null, ...(await post(request, headers)) };
}

async function post(request, headers) {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json, application/json;q=0.9',
      ...headers,
    },
    body: JSON.stringify(request),
    credentials: 'omit',
    redirect: 'error',
  });
  return parse(await answer.text(), answer);
}

function hasCredentials(headers) {
  const name = Object.keys(headers).find((key) => key.toLowerCase() === 'authorization');
  return /^Bearer\s+\S/i.test(headers[name] ?? '');
}

function parse(text, answer) {
  try {
    return JSON.parse(text);
  } catch {
    return refusal(`The answer is no JSON: HTTP ${answer.status} ${answer.statusText} ${text.slice(0, 300)}`);
  }
}

// What the response pane shows for a failure of the way to the API. It would print an Error with its stack.
function refusal(message) {
  return { data: null, errors: [{ message }] };
}

// An observable rather than an async iterator: only it can be stopped while no message is on its way. Never retried, because a
// new socket would begin without a cursor and leave a gap that nobody sees.
function subscription(request, headers) {
  const client = createClient({ url: socket.href, connectionParams: headers, retryAttempts: 0 });
  return {
    subscribe(sink) {
      const unsubscribe = client.subscribe(request, {
        next: (result) => sink.next(result),
        error: (reason) => sink.error(readable(reason)),
        complete: () => sink.complete(),
      });
      return { unsubscribe };
    },
  };
}

function readable(reason) {
  if (reason instanceof CloseEvent) {
    return { message: `The socket was closed: ${reason.code} ${reason.reason}`.trim() };
  }
  return reason;
}
