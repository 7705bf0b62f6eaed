package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// cloudTrailRecord is a record with its members in AWS's order.
type cloudTrailRecord struct {
	EventVersion        string         `json:"eventVersion"`
	UserIdentity        map[string]any `json:"userIdentity"`
	EventTime           string         `json:"eventTime"`
	EventSource         string         `json:"eventSource"`
	EventName           string         `json:"eventName"`
	AWSRegion           string         `json:"awsRegion"`
	SourceIPAddress     string         `json:"sourceIPAddress"`
	UserAgent           string         `json:"userAgent"`
	ErrorCode           string         `json:"errorCode,omitempty"`
	ErrorMessage        string         `json:"errorMessage,omitempty"`
	RequestParameters   map[string]any `json:"requestParameters"`
	ResponseElements    map[string]any `json:"responseElements"`
	AdditionalEventData map[string]any `json:"additionalEventData,omitempty"`
	RequestID           string         `json:"requestID,omitempty"`
	EventID             string         `json:"eventID"`
	ReadOnly            bool           `json:"readOnly"`
	Resources           []any          `json:"resources,omitempty"`
	EventType           string         `json:"eventType"`
	ManagementEvent     bool           `json:"managementEvent"`
	RecipientAccountID  string         `json:"recipientAccountId"`
	EventCategory       string         `json:"eventCategory"`
	TLSDetails          map[string]any `json:"tlsDetails,omitempty"`
}

// body writes the record with the faults that a record can have.
func (r *cloudTrailRecord) body(faults *Faults) json.RawMessage {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(r) != nil {
		return nil // a record holds nothing that JSON cannot say
	}
	return faults.Disturb(bytes.TrimSpace(text.Bytes()), "eventTime", "eventID", "recipientAccountId", "awsRegion")
}

// cloudTrailLife is the account: who and what there is, and what happens next. It is driven by one source of
// randomness, so that a seed always gives the same life.
type cloudTrailLife struct {
	rand    *rand.Rand
	pace    *Pace
	faults  *Faults
	account string
	regions []string
	callers []cloudTrailCaller
	weights int
}

// cloudTrailCaller is an identity and where it calls from.
type cloudTrailCaller struct {
	weight    int
	name      string
	identity  map[string]any
	ip, agent string
}

func newCloudTrailLife(o Options, account string, regions []string) *cloudTrailLife {
	l := &cloudTrailLife{rand: o.Rand("cloudtrail"), pace: o.Pace("cloudtrail"), faults: o.Faults, account: account, regions: regions}
	for _, name := range []string{"alice", "bruno", "chen", "dana", "erik"} {
		l.callers = append(l.callers, l.person(name), l.user(name))
	}
	l.callers = append(l.callers,
		l.role("app-backend", "i-0a1b2c3d4e5f60718", "198.51.100.21", "aws-sdk-go-v2/1.41.1 os/linux lang/go#1.26"),
		l.role("deploy", "pipeline-4711", "198.51.100.44", "Terraform/1.13.0 terraform-provider-aws/6.20.0"),
		l.service("autoscaling.amazonaws.com"), l.service("config.amazonaws.com"), l.root(),
	)
	for _, deed := range cloudTrailDeeds {
		l.weights += deed.weight
	}
	return l
}

// person comes from the identity provider: a role whose session has her e-mail address.
func (l *cloudTrailLife) person(name string) cloudTrailCaller {
	caller := l.role("AWSReservedSSO_PowerUser_0123456789abcdef", name+"@example.com", "", "")
	caller.weight, caller.ip, caller.agent = 8, l.address(), "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	return caller
}

func (l *cloudTrailLife) user(name string) cloudTrailCaller {
	return cloudTrailCaller{weight: 3, name: name, ip: l.address(), agent: "aws-cli/2.31.0 md/awscrt#0.27.6", identity: map[string]any{
		"type": "IAMUser", "principalId": l.id("AIDA"), "arn": l.arn("iam", "", "user/"+name), "accountId": l.account,
		"accessKeyId": l.id("AKIA"), "userName": name,
	}}
}

func (l *cloudTrailLife) role(role, session, ip, agent string) cloudTrailCaller {
	principal := l.id("AROA")
	return cloudTrailCaller{weight: 25, name: session, ip: ip, agent: agent, identity: map[string]any{
		"type": "AssumedRole", "principalId": principal + ":" + session, "accountId": l.account, "accessKeyId": l.id("ASIA"),
		"arn": l.arn("sts", "", "assumed-role/"+role+"/"+session),
		"sessionContext": map[string]any{
			"sessionIssuer": map[string]any{
				"type": "Role", "principalId": principal, "arn": l.arn("iam", "", "role/"+role), "accountId": l.account, "userName": role,
			},
			"attributes": map[string]any{"creationDate": "2026-01-19T20:00:00Z", "mfaAuthenticated": "false"},
		},
	}}
}

func (l *cloudTrailLife) service(name string) cloudTrailCaller {
	return cloudTrailCaller{weight: 8, name: name, ip: name, agent: name, identity: map[string]any{"type": "AWSService", "invokedBy": name}}
}

func (l *cloudTrailLife) root() cloudTrailCaller {
	return cloudTrailCaller{weight: 1, name: "root", ip: l.address(), agent: "Mozilla/5.0", identity: map[string]any{
		"type": "Root", "principalId": l.account, "arn": l.arn("iam", "", "root"), "accountId": l.account,
	}}
}

// next lets one thing happen.
func (l *cloudTrailLife) next(at time.Time) *cloudTrailRecord {
	deed := l.deed()
	caller := l.caller(deed)
	record := &cloudTrailRecord{
		EventVersion: "1.11", UserIdentity: caller.identity, EventTime: at.UTC().Format(time.RFC3339),
		EventSource: deed.service + ".amazonaws.com", EventName: deed.name, AWSRegion: l.regions[0],
		SourceIPAddress: caller.ip, UserAgent: caller.agent, RequestID: guidOf(l.rand), EventID: guidOf(l.rand),
		ReadOnly: deed.reads, EventType: "AwsApiCall", ManagementEvent: true, RecipientAccountID: l.account,
		EventCategory: "Management",
	}
	if !deed.global {
		record.AWSRegion = pick(l.rand, l.regions)
	}
	if deed.do != nil {
		deed.do(l, record, caller)
	}
	if deed.name != "ConsoleLogin" {
		record.TLSDetails = map[string]any{
			"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
			"clientProvidedHostHeader": deed.service + "." + record.AWSRegion + ".amazonaws.com",
		}
		l.fail(record, caller)
	}
	if l.faults.Hits(UnknownAction) {
		record.EventSource, record.EventName = "hyperdrive.amazonaws.com", "EngageHyperdrive"
	}
	return record
}

// fail refuses some calls.
func (l *cloudTrailLife) fail(record *cloudTrailRecord, caller cloudTrailCaller) {
	switch l.rand.IntN(40) {
	case 0:
		record.ErrorCode = "AccessDenied"
		record.ErrorMessage = fmt.Sprintf("User: %v is not authorized to perform: %s:%s", caller.identity["arn"],
			strings.TrimSuffix(record.EventSource, ".amazonaws.com"), record.EventName)
		record.ResponseElements = nil
	case 1:
		record.ErrorCode, record.ErrorMessage = "ThrottlingException", "Rate exceeded"
		record.ResponseElements = nil
	}
}

func (l *cloudTrailLife) deed() cloudTrailDeed {
	n := l.rand.IntN(l.weights)
	for _, deed := range cloudTrailDeeds {
		if n < deed.weight {
			return deed
		}
		n -= deed.weight
	}
	return cloudTrailDeed{}
}

// caller is somebody: for the console a person with a name, else anyone by how much they call.
func (l *cloudTrailLife) caller(deed cloudTrailDeed) cloudTrailCaller {
	if deed.service == "signin" {
		return l.callers[2*l.rand.IntN(5)+1]
	}
	sum := 0
	for _, caller := range l.callers {
		sum += caller.weight
	}
	n := l.rand.IntN(sum)
	for _, caller := range l.callers {
		if n < caller.weight {
			return caller
		}
		n -= caller.weight
	}
	return l.callers[0]
}

func (l *cloudTrailLife) arn(service, region, resource string) string {
	return "arn:aws:" + service + ":" + region + ":" + l.account + ":" + resource
}

// id looks like an id of IAM, after whose first letters the kind is known.
func (l *cloudTrailLife) id(prefix string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := []byte(prefix)
	for range 16 {
		b = append(b, letters[l.rand.IntN(len(letters))])
	}
	return string(b)
}

// ec2ID looks like `i-0a1b2c3d4e5f60718`.
func (l *cloudTrailLife) ec2ID(prefix string) string {
	return fmt.Sprintf("%s-0%x", prefix, randomBytes(l.rand, 8))
}

func (l *cloudTrailLife) address() string {
	return fmt.Sprintf("%s.%d", pick(l.rand, []string{"192.0.2", "198.51.100", "203.0.113"}), 1+l.rand.IntN(254))
}
