package cloudtrail

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"golang.org/x/time/rate"

	"annals/sync/connector"
)

// client reads LookupEvents. What is read of one request is what the engine gives on to the next.
type client struct {
	files
	api     *cloudtrail.Client
	regions []string
	limits  map[string]*rate.Limiter // by region
	now     func() time.Time
}

// Fetch implements connector.Fetcher.
func (c *client) Fetch(ctx context.Context, r connector.Request) (connector.Page, error) {
	at, err := c.position(r)
	if err != nil {
		return connector.Page{}, err
	}
	output, err := c.lookup(ctx, at)
	if err != nil {
		return connector.Page{}, err
	}
	next, err := at.advance(c.regions, aws.ToString(output.NextToken))
	if err != nil {
		return connector.Page{}, err
	}
	translated, err := drafts(ctx, output.Events)
	if err != nil {
		return connector.Page{}, err
	}
	page := connector.Page{Drafts: translated, More: !next.done()}
	if r.Window == nil && next.done() {
		page.CompleteThrough = next.To
		page.More = c.now().Sub(next.To) > overlap
	}
	page.Next, err = json.Marshal(next)
	if err != nil {
		return connector.Page{}, fmt.Errorf("writing state: %w", err)
	}
	return page, nil
}

// lookup reads one page of one region.
func (c *client) lookup(ctx context.Context, at state) (*cloudtrail.LookupEventsOutput, error) {
	if err := c.limits[at.Region].Wait(ctx); err != nil {
		return nil, fmt.Errorf("waiting for the rate limit of %s: %w", at.Region, err)
	}
	output, err := c.api.LookupEvents(ctx, &cloudtrail.LookupEventsInput{
		StartTime: &at.From, EndTime: &at.To, NextToken: optional(at.Token),
	}, func(o *cloudtrail.Options) { o.Region = at.Region })
	if err != nil {
		return nil, failed(err, c.now())
	}
	// The SDK takes an empty body for an empty answer, which would end the walk here.
	if output.Events == nil {
		return nil, connector.Fail(connector.Malformed, errNoEvents)
	}
	return output, nil
}
