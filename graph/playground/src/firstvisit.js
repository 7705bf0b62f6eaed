/**
 * Prepares a first visit: storage holds tab (`query`, `variables`) as what its user edited last. GraphiQL fills the variables
 * editor from there alone and leaves those of the first default tab out, see https://github.com/graphql/graphiql/issues/3392.
 * The prop `initialVariables` is no way around it, because it overrides what a later visit has stored.
 */
export function prepareFirstVisit(storage, { query, variables }) {
  if (storage.getItem('graphiql:tabState') === null) {
    // Both or none: GraphiQL finds the active tab by the two together and opens another one when no tab has them.
    storage.setItem('graphiql:query', query);
    storage.setItem('graphiql:variables', variables);
  }
}
