package cloudtrail

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"annals/audit"
)

// drafts translates a page. The record itself stands as JSON in a text of each event.
func drafts(ctx context.Context, events []types.Event) ([]audit.Draft, error) {
	list := make([]audit.Draft, 0, len(events))
	for _, event := range events {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		raw := []byte(aws.ToString(event.CloudTrailEvent))
		if len(raw) == 0 {
			raw = record(event)
		}
		list = append(list, translate(raw))
	}
	return list, nil
}

// record makes a record of what is around it, for an event that brings none.
func record(event types.Event) []byte {
	type resource struct {
		ARN  string `json:"ARN"`
		Type string `json:"type"`
	}
	var resources []resource
	for _, r := range event.Resources {
		resources = append(resources, resource{ARN: aws.ToString(r.ResourceName), Type: aws.ToString(r.ResourceType)})
	}
	raw, err := json.Marshal(map[string]any{
		"eventID": event.EventId, "eventName": event.EventName, "eventSource": event.EventSource,
		"eventTime":    aws.ToTime(event.EventTime).UTC().Format(time.RFC3339),
		"userIdentity": map[string]any{"userName": event.Username, "accessKeyId": event.AccessKeyId},
		"readOnly":     aws.ToString(event.ReadOnly) == "true", "resources": resources,
	})
	if err != nil {
		return nil
	}
	return raw
}
