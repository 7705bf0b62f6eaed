import activityDetail from './examples/ActivityDetail.graphql?raw';
import activityDetailVariables from './examples/ActivityDetail.json?raw';
import auditScreen from './examples/AuditScreen.graphql?raw';
import auditScreenVariables from './examples/AuditScreen.json?raw';
import createViewerToken from './examples/CreateViewerToken.graphql?raw';
import createViewerTokenVariables from './examples/CreateViewerToken.json?raw';
import liveActivities from './examples/LiveActivities.graphql?raw';
import liveActivitiesVariables from './examples/LiveActivities.json?raw';
import recordActivities from './examples/RecordActivities.graphql?raw';
import recordActivitiesVariables from './examples/RecordActivities.json?raw';

/** The tabs of a first visit. Nothing of them runs by itself. */
export const examples = [
  { query: auditScreen, variables: auditScreenVariables },
  { query: activityDetail, variables: activityDetailVariables },
  { query: liveActivities, variables: liveActivitiesVariables },
  { query: createViewerToken, variables: createViewerTokenVariables },
  { query: recordActivities, variables: recordActivitiesVariables },
];
