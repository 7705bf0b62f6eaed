// Package cloudtrail reads the management events of AWS accounts: from CloudTrail's LookupEvents, which every account
// has without a trail, and from the log files that a trail delivers to a bucket.
package cloudtrail

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"golang.org/x/time/rate"

	"annals/audit"
	"annals/sync/connector"
)

// Name is the connector's name, which is in front of every type.
const Name = "aws_cloudtrail"

// management is the only feed: LookupEvents shows no data events.
const management = "management"

// Registration is the connector for AWS CloudTrail.
func Registration() connector.Registration {
	return connector.Registration{
		Connector: audit.Connector{
			Name:  Name,
			Label: "AWS CloudTrail",
			Description: "Collects the management events of an AWS account: calls of its APIs, console actions and sign-ins. Every " +
				"account has them for 90 days, without a trail. The log files of a trail, with data events, can be imported; without " +
				"an access key nothing else happens.",
			Settings: settings(),
			Feeds: []audit.ConnectorFeed{{
				Name: management, Label: "Management events",
				Retention: audit.Duration(90 * 24 * time.Hour), Delay: audit.Duration(5 * time.Minute),
				Overlap: audit.Duration(overlap), Slice: audit.Duration(24 * time.Hour),
			}},
			CanPoll:          true,
			CanImport:        true,
			DocumentationURL: "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html",
		},
		Open: open,
	}
}

func settings() []audit.SettingField {
	return []audit.SettingField{
		{
			Name: "accessKeyId", Label: "Access key ID", Kind: audit.SettingText, Account: true,
			Help:    "Of a user or role that may call cloudtrail:LookupEvents. Leave it empty to import files only.",
			Pattern: `[A-Za-z0-9_]{4,128}`, Example: "AKIAEXAMPLE",
		},
		{Name: "secretAccessKey", Label: "Secret access key", Kind: audit.SettingText, Secret: true, Help: "Belongs to the access key ID."},
		{
			Name: "sessionToken", Label: "Session token", Kind: audit.SettingMultiline, Secret: true,
			Help: "Only for temporary credentials, which end by themselves.",
		},
		{
			Name: "regions", Label: "Regions", Kind: audit.SettingChoices, Choices: regionChoices(), Account: true, Default: audit.JSON(`["us-east-1"]`),
			Help: "Regions that are read, which must be enabled in the account. IAM, sign-ins and other global services are recorded in us-east-1.",
		},
		{
			Name: "callsPerSecond", Label: "Calls per second", Kind: audit.SettingInteger, Default: audit.JSON(`2`),
			Help: "AWS lets an account call LookupEvents twice per second in each region. Whoever else calls it shares that.",
		},
		{
			Name: "baseUrl", Label: "Address", Kind: audit.SettingURL, Example: "https://vpce-0a1b2c3d.cloudtrail.us-east-1.vpce.amazonaws.com",
			Help: "A VPC endpoint, in place of the public address of each region.",
		},
	}
}

// regionPattern is the shape of a region's name, which becomes part of a host name.
var regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}$`)

// open gives a client, or with no access key what reads files alone, so that the feed idles.
func open(c connector.Config) (connector.Opened, error) {
	key, secret := c.Settings.Text("accessKeyId"), c.Settings.Text("secretAccessKey")
	switch {
	case key == "" && secret == "":
		return files{}, nil
	case key == "" || secret == "":
		return nil, wrong("the access key ID and the secret access key belong together")
	}
	regions, err := checkRegions(c.Settings.Texts("regions"))
	if err != nil {
		return nil, err
	}
	calls := c.Settings.Int("callsPerSecond")
	if calls < 1 {
		return nil, wrong("calls per second must be at least 1")
	}
	limits := make(map[string]*rate.Limiter, len(regions))
	for _, region := range regions {
		limits[region] = rate.NewLimiter(rate.Limit(calls), 1)
	}
	return &client{
		api: cloudtrail.New(cloudtrail.Options{
			HTTPClient:   sender{c.HTTP.HTTPClient()},
			Credentials:  credentials.NewStaticCredentialsProvider(key, secret, c.Settings.Text("sessionToken")),
			BaseEndpoint: optional(c.Settings.Text("baseUrl")),
			Retryer:      aws.NopRetryer{}, // the engine knows when to try again
		}),
		regions: regions,
		limits:  limits,
		now:     c.Now,
	}, nil
}

func checkRegions(regions []string) ([]string, error) {
	if len(regions) == 0 {
		return nil, wrong("name at least one region")
	}
	seen := make(map[string]bool, len(regions))
	var checked []string
	for _, region := range regions {
		if !regionPattern.MatchString(region) {
			return nil, connector.Fail(connector.ConfigurationWrong, fmt.Errorf("%q is no region", region))
		}
		if !seen[region] {
			checked = append(checked, region)
		}
		seen[region] = true
	}
	return checked, nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func wrong(what string) error { return connector.Fail(connector.ConfigurationWrong, errors.New(what)) }
