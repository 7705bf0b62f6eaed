package simulator

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// cloudTrailQuery is the body of LookupEvents.
type cloudTrailQuery struct {
	StartTime, EndTime *float64 // seconds since 1970
	MaxResults         *int
	NextToken          string
	EventCategory      string
	LookupAttributes   []struct{ AttributeKey, AttributeValue string }
}

// cloudTrailMembers are the members of a record that can be looked up by.
var cloudTrailMembers = map[string]string{
	"EventId": "eventID", "EventName": "eventName", "ReadOnly": "readOnly", "Username": "userIdentity.userName",
	"EventSource": "eventSource", "AccessKeyId": "userIdentity.accessKeyId", "ResourceType": "resources.0.type",
	"ResourceName": "resources.0.ARN",
}

// walk says what the query asks for, or AWS's code for what it may not ask.
func (q cloudTrailQuery) walk(region string, now time.Time) (walk Walk, code string) {
	oldest := now.Add(-cloudTrailRetention)
	walk = Walk{From: oldest, To: now, NewestFirst: true, Limit: cloudTrailPage}
	if q.StartTime != nil {
		walk.From = unixSeconds(*q.StartTime)
	}
	if q.EndTime != nil {
		walk.To = unixSeconds(*q.EndTime)
	}
	if q.MaxResults != nil {
		walk.Limit = *q.MaxResults
	}
	switch {
	case walk.From.After(walk.To):
		return walk, "InvalidTimeRangeException"
	case walk.Limit < 1 || walk.Limit > cloudTrailPage:
		return walk, "InvalidMaxResultsException"
	case q.EventCategory != "" && q.EventCategory != "insight":
		return walk, "InvalidEventCategoryException"
	case len(q.LookupAttributes) > 1, len(q.LookupAttributes) == 1 && cloudTrailMembers[q.LookupAttributes[0].AttributeKey] == "":
		return walk, "InvalidLookupAttributesException"
	}
	if walk.From.Before(oldest) {
		walk.From = oldest
	}
	for _, attribute := range q.LookupAttributes {
		walk.Match = func(item Item) bool {
			return gjson.GetBytes(item.Body, cloudTrailMembers[attribute.AttributeKey]).String() == attribute.AttributeValue
		}
	}
	var ok bool
	if walk.After, ok = q.after(region); !ok {
		return walk, "InvalidNextTokenException"
	}
	return walk, ""
}

// token names a position for this query alone: another region, time or attribute is refused with it.
func (q cloudTrailQuery) token(region string, p Position, serial int) string {
	return base64.URLEncoding.EncodeToString(fmt.Appendf(nil, "%d|%s|%s", serial, q.fingerprint(region), p))
}

func (q cloudTrailQuery) after(region string) (Position, bool) {
	if q.NextToken == "" {
		return Position{}, true
	}
	text, err := base64.URLEncoding.DecodeString(q.NextToken)
	_, rest, _ := strings.Cut(string(text), "|")
	fingerprint, position, found := strings.Cut(rest, "|")
	if err != nil || !found || fingerprint != q.fingerprint(region) {
		return Position{}, false
	}
	p, err := ParsePosition(position)
	return p, err == nil
}

func (q cloudTrailQuery) fingerprint(region string) string {
	q.NextToken = ""
	text, err := json.Marshal(q)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(append(text, region...))
	return hex.EncodeToString(sum[:8])
}

func unixSeconds(seconds float64) time.Time {
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC()
}

// cloudTrailAnswer is what LookupEvents answers.
type cloudTrailAnswer struct {
	Events    []cloudTrailEvent
	NextToken string `json:",omitempty"`
}

// cloudTrailEvent is what stands around a record, which itself is a text. ReadOnly is a text, too.
type cloudTrailEvent struct {
	EventID         string `json:"EventId"`
	EventName       string
	ReadOnly        string
	AccessKeyID     string `json:"AccessKeyId,omitempty"`
	EventTime       json.Number
	EventSource     string
	Username        string `json:",omitempty"`
	Resources       []cloudTrailResource
	CloudTrailEvent string
}

type cloudTrailResource struct{ ResourceType, ResourceName string }

func newCloudTrailEvent(item Item) cloudTrailEvent {
	record := gjson.ParseBytes(item.Body)
	event := cloudTrailEvent{
		EventID: record.Get("eventID").String(), EventName: record.Get("eventName").String(),
		ReadOnly: record.Get("readOnly").String(), AccessKeyID: record.Get("userIdentity.accessKeyId").String(),
		EventTime:   json.Number(fmt.Sprintf("%d.0", item.At.Unix())),
		EventSource: record.Get("eventSource").String(), Username: record.Get("userIdentity.userName").String(),
		Resources: []cloudTrailResource{}, CloudTrailEvent: string(item.Body),
	}
	for _, resource := range record.Get("resources").Array() {
		event.Resources = append(event.Resources, cloudTrailResource{
			ResourceType: resource.Get("type").String(), ResourceName: resource.Get("ARN").String(),
		})
	}
	return event
}
