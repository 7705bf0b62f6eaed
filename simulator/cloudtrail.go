package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// CloudTrail imitates LookupEvents for the regions of one AWS account, all at one address: the region is the one that
// a request is signed for. The log files of a trail in the account hold the same records. Its feed is `management`.
type CloudTrail struct {
	AccessKeyID     string // what requests are signed with
	SecretAccessKey string
	SessionToken    string // must come with requests unless it is empty
	AccountID       string
	Regions         []string
	PerSecond       float64 // calls that each region answers; 0: any number

	options Options
	handler http.Handler

	mu     sync.Mutex
	life   *cloudTrailLife
	stores map[string]*Store        // by region
	limits map[string]*rate.Limiter // by region
	tokens int                      // that were given out
}

// What CloudTrail allows and keeps: docs.aws.amazon.com, API reference of LookupEvents.
const (
	cloudTrailPage      = 50
	cloudTrailRetention = 90 * 24 * time.Hour
	cloudTrailTarget    = "CloudTrail_20131101.LookupEvents"
	cloudTrailNamespace = "com.amazonaws.cloudtrail.v20131101" // in front of names, with some SDKs also of the target
)

// NewCloudTrail makes an account without a past. Its global services are recorded in the first region, us-east-1.
func NewCloudTrail(o Options) *CloudTrail {
	c := &CloudTrail{
		AccessKeyID:     "AKIASIMULATED",
		SecretAccessKey: "simulated-secret-access-key",
		AccountID:       "111122223333",
		Regions:         []string{"us-east-1", "eu-central-1", "us-west-2"},
		PerSecond:       2,
		options:         o,
		stores:          map[string]*Store{},
		limits:          map[string]*rate.Limiter{},
	}
	for _, region := range c.Regions {
		c.stores[region] = NewStore(o)
	}
	c.life = newCloudTrailLife(o, c.AccountID, c.Regions)
	c.handler = o.Faults.Wrap(http.HandlerFunc(c.lookupEvents), c.refuse)
	return c
}

// ServeHTTP implements http.Handler.
func (c *CloudTrail) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Items lists what all regions hold, oldest first. What is too old to be looked up is not part of it.
func (c *CloudTrail) Items(_ string) []Item {
	var items []Item
	oldest := c.options.Now().Add(-cloudTrailRetention)
	for _, region := range c.Regions {
		items = append(items, slices.DeleteFunc(c.stores[region].Items(), func(item Item) bool { return item.At.Before(oldest) })...)
	}
	slices.SortFunc(items, func(a, b Item) int { return a.position().compare(b.position()) })
	return items
}

// Generate lets the account live through a half-open time.
func (c *CloudTrail) Generate(from, to time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := map[string][]Item{}
	for _, at := range c.life.pace.Moments(from, to, time.Second) {
		record := c.life.next(at)
		made[record.AWSRegion] = append(made[record.AWSRegion], Item{
			Key: record.EventID + "/" + record.RecipientAccountID, At: at.UTC(), Visible: c.options.VisibleAt(at),
			Body: record.body(c.options.Faults),
		})
	}
	for _, region := range c.Regions {
		c.stores[region].Add(made[region]...)
	}
}

// lookupEvents answers with one page of one region.
func (c *CloudTrail) lookupEvents(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		awsError(w, http.StatusBadRequest, "SerializationException", "")
		return
	}
	region, code := c.authenticate(r, body)
	target := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), cloudTrailNamespace+".")
	switch {
	case r.Method != http.MethodPost || target != cloudTrailTarget,
		r.Header.Get("Content-Type") != "application/x-amz-json-1.1":
		awsError(w, http.StatusBadRequest, "UnknownOperationException", "")
	case code != "":
		awsError(w, http.StatusBadRequest, code, "The request could not be authenticated.")
	case c.stores[region] == nil:
		awsError(w, http.StatusBadRequest, "UnrecognizedClientException", "The region is not enabled.")
	case !c.limit(region).AllowN(c.options.Now(), 1):
		awsError(w, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	default:
		c.answer(w, region, body)
	}
}

// authenticate gives the region of a proper signature, or AWS's code for one that is not.
func (c *CloudTrail) authenticate(r *http.Request, body []byte) (region, code string) {
	signature, code := parseSigV4(r)
	switch {
	case code != "":
		return "", code
	case signature.accessKeyID != c.AccessKeyID, r.Header.Get("X-Amz-Security-Token") != c.SessionToken:
		return "", "UnrecognizedClientException"
	case signature.service != "cloudtrail" || !signature.verify(r, body, c.SecretAccessKey):
		return "", "InvalidSignatureException"
	}
	return signature.region, ""
}

func (c *CloudTrail) limit(region string) *rate.Limiter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limits[region] == nil {
		c.limits[region] = rate.NewLimiter(rate.Inf, 0)
		if c.PerSecond > 0 {
			c.limits[region] = rate.NewLimiter(rate.Limit(c.PerSecond), int(c.PerSecond)+1)
		}
	}
	return c.limits[region]
}

// countToken makes tokens differ, also those for one place.
func (c *CloudTrail) countToken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens++
	return c.tokens
}

func (c *CloudTrail) answer(w http.ResponseWriter, region string, body []byte) {
	var query cloudTrailQuery
	if json.Unmarshal(body, &query) != nil {
		awsError(w, http.StatusBadRequest, "SerializationException", "")
		return
	}
	if query.NextToken != "" && c.options.Faults.Hits(CursorRefused) {
		awsError(w, http.StatusBadRequest, "InvalidNextTokenException", "Invalid NextToken")
		return
	}
	walk, code := query.walk(region, c.options.Now())
	if code != "" {
		awsError(w, http.StatusBadRequest, code, "")
		return
	}
	page := Page{}
	if query.EventCategory == "" {
		page = c.stores[region].Page(walk)
	}
	answer := cloudTrailAnswer{Events: []cloudTrailEvent{}}
	for _, item := range page.Items {
		answer.Events = append(answer.Events, newCloudTrailEvent(item))
	}
	if page.More {
		answer.NextToken = query.token(region, page.Next, c.countToken())
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}

// refuse answers for the faults before the handler. AWS throttles without saying how long.
func (c *CloudTrail) refuse(w http.ResponseWriter, fault Fault, _ time.Duration) {
	switch fault {
	case TokenExpired:
		awsError(w, http.StatusBadRequest, "ExpiredTokenException", "The security token included in the request is expired")
	case ServerError:
		awsError(w, http.StatusInternalServerError, "InternalFailure", "")
	default:
		awsError(w, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	}
}

// awsError writes an error of the JSON 1.1 protocol. CloudTrail's own codes come with their namespace in front.
func awsError(w http.ResponseWriter, status int, code, message string) {
	if strings.HasPrefix(code, "Invalid") && code != "InvalidSignatureException" {
		code = cloudTrailNamespace + "#" + code
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-RequestId", "00000000-0000-4000-8000-000000000000")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}
