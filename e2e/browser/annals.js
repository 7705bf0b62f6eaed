/** The GraphQL endpoint of the server under test. */
export const api = `${process.env.ANNALS_URL}/graphql`;

/** Asks as the owner, from no browser, and wants no error. */
export async function ask(query, variables) {
  const answer = await fetch(api, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${process.env.OWNER_TOKEN}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(errors[0].message);
  return data;
}

/** Records count activities of one's own. */
export async function record(count) {
  const activities = Array.from({ length: count }, () => ({
    idempotencyKey: crypto.randomUUID(),
    type: 'invoice.approve',
    action: 'APPROVE',
    description: 'Approved an invoice.',
    actor: { email: 'jane@example.com' },
    occurredAt: new Date().toISOString(),
  }));
  const { recordActivities } = await ask(
    `mutation($activities: [DraftInput!]!) {
      recordActivities(input: { activities: $activities }) { results { status } }
    }`,
    { activities },
  );
  const refused = recordActivities.results.filter((result) => result.status !== 'RECORDED');
  if (refused.length > 0) throw new Error(`${refused.length} of ${count} activities were not recorded`);
}

/** The ids of all activities that a filter matches, as the ledger has them now. */
export async function ledger(filter) {
  const ids = [];
  for (let after = null, more = true; more; ) {
    const { activities } = await ask(
      `query($filter: ActivityFilter, $after: String) {
        activities(filter: $filter, first: 200, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
      }`,
      { filter, after },
    );
    ids.push(...activities.nodes.map((node) => node.id));
    ({ hasNextPage: more, endCursor: after } = activities.pageInfo);
  }
  return ids;
}

/** A new API token for the app's backend; {token, id}. */
export async function backendToken() {
  const { createApiToken } = await ask(
    `mutation {
      createApiToken(input: { name: "backend", scopes: [VIEWERS_WRITE, ACTIVITIES_READ], expiresIn: "PT30M" }) {
        token apiToken { id }
      }
    }`,
  );
  return { token: createApiToken.token, id: createApiToken.apiToken.id };
}

/** Ends a token and all that it made. */
export async function revoke(id) {
  await ask('mutation($id: ID!) { revokeApiToken(input: { id: $id }) { revokedCount } }', { id });
}
