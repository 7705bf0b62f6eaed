package cloudtrail

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// parameter is a request parameter that names what a call is about.
type parameter struct {
	name string
	kind string // of the target; empty: the noun in the call's name
	id   bool   // it is an id, not a name
}

// parameters lists them, the more telling first.
var parameters = [...]parameter{
	{name: "userName", kind: "user"},
	{name: "roleName", kind: "role"},
	{name: "groupName", kind: "group"},
	{name: "policyArn", kind: "policy", id: true},
	{name: "policyName", kind: "policy"},
	{name: "roleArn", kind: "role", id: true},
	{name: "instanceProfileName", kind: "instanceprofile"},
	{name: "serialNumber", kind: "mfadevice", id: true},
	{name: "bucketName", kind: "bucket"},
	{name: "keyId", kind: "key", id: true},
	{name: "instanceId", kind: "instance", id: true},
	{name: "functionName", kind: "function"},
	{name: "secretId", kind: "secret", id: true},
	{name: "groupId", kind: "securitygroup", id: true},
	{name: "imageId", kind: "image", id: true},
	{name: "snapshotId", kind: "snapshot", id: true},
	{name: "volumeId", kind: "volume", id: true},
	{name: "vpcId", kind: "vpc", id: true},
	{name: "subnetId", kind: "subnet", id: true},
	{name: "dBInstanceIdentifier", kind: "dbinstance", id: true},
	{name: "dBSnapshotIdentifier", kind: "dbsnapshot", id: true},
	{name: "tableName", kind: "table"},
	{name: "queueUrl", kind: "queue", id: true},
	{name: "topicArn", kind: "topic", id: true},
	{name: "stackName", kind: "stack"},
	{name: "repositoryName", kind: "repository"},
	{name: "detectorId", kind: "detector", id: true},
	{name: "accountId", kind: "account", id: true},
	{name: "trailName", kind: "trail"},
	{name: "name"},
}

// targets are the resources that AWS lists, else what the request names.
func (c *call) targets() []audit.Target {
	if listed := c.resources(); len(listed) > 0 {
		return listed
	}
	var targets []audit.Target
	for _, p := range parameters {
		value := c.params.Get(p.name)
		if value.Type != gjson.String || value.Str == "" {
			continue
		}
		kind := p.kind
		if kind == "" {
			kind = noun(c.name)
		}
		targets = append(targets, target(kind, value.Str, p.id))
	}
	return append(targets, c.instances()...)
}

func (c *call) resources() []audit.Target {
	list := c.members.Get("resources")
	if !list.IsArray() {
		return nil
	}
	var targets []audit.Target
	list.ForEach(func(_, resource gjson.Result) bool {
		kind := strings.ToLower(resource.Get("type").String())
		if kind == "" {
			kind = "resource"
		}
		for _, name := range []string{"ARN", "arn", "ARNPrefix"} {
			if arn := resource.Get(name); arn.Type == gjson.String && arn.Str != "" {
				targets = append(targets, target(kind, arn.Str, true))
				break
			}
		}
		return len(targets) < connector.MaxTargets
	})
	if len(targets) > 0 {
		c.members.Take("resources")
	}
	return targets
}

// instances are those of EC2 calls on several: in the request, or where a call makes them in its answer.
func (c *call) instances() []audit.Target {
	if c.service != "ec2" {
		return nil
	}
	var targets []audit.Target
	for _, from := range []string{"requestParameters", "responseElements"} {
		items := c.members.Get(from).Get("instancesSet.items")
		if !items.IsArray() {
			continue
		}
		items.ForEach(func(_, item gjson.Result) bool {
			if id := item.Get("instanceId"); id.Exists() {
				targets = append(targets, target("instance", id.String(), true))
			}
			return len(targets) < connector.MaxTargets
		})
		if len(targets) > 0 {
			return targets
		}
	}
	return nil
}

// target names an ARN's resource by the part behind the account.
func target(kind, value string, id bool) audit.Target {
	if strings.HasPrefix(value, "arn:") {
		name := ""
		if parts := strings.SplitN(value, ":", 6); len(parts) == 6 {
			name = parts[5]
		}
		return audit.NewTarget(Name, kind, audit.Text(value), audit.Text(name))
	}
	if id {
		return audit.NewTarget(Name, kind, audit.Text(value), "")
	}
	return audit.NewTarget(Name, kind, "", audit.Text(value))
}

// noun is what a call's name says behind its verb: `trail` of DeleteTrail.
func noun(name string) string {
	if rest := strings.TrimPrefix(name, firstWord(name)); rest != "" {
		return strings.ToLower(rest)
	}
	return "resource"
}

// changes are the new values that a request tells: renames, and the attributes of EC2 calls, which come as
// `{"value":…}`. What was there before CloudTrail says only where it was the name.
func (c *call) changes() []audit.Change {
	var changes []audit.Change
	for _, renamed := range [...][2]string{{"newUserName", "userName"}, {"newGroupName", "groupName"}, {"newPath", "path"}} {
		after := c.params.Get(renamed[0])
		if after.Type != gjson.String {
			continue
		}
		change := audit.Change{Field: renamed[1], After: new(after.Str)}
		if before := c.params.Get(renamed[1]); before.Type == gjson.String {
			change.Before = new(before.Str)
		}
		changes = append(changes, change)
	}
	if c.service == "ec2" && strings.HasPrefix(c.name, "Modify") {
		for name, value := range c.params.All() {
			if set := value.Get("value"); value.IsObject() && set.Exists() && !set.IsObject() && !set.IsArray() {
				changes = append(changes, audit.Change{Field: name, After: new(set.String())})
			}
			if len(changes) >= connector.MaxChanges {
				break
			}
		}
	}
	return changes
}
