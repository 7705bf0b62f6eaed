package cloudtrail

import (
	"cmp"
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// identify reads userIdentity: who called, in whose place, with which credential. What is left of it is metadata.
func (c *call) identify(draft *audit.Draft) {
	if !c.members.Get("userIdentity").IsObject() {
		return
	}
	id := c.members.Object("userIdentity")
	session := id.Object("sessionContext")
	draft.Actor = actor(id, session)
	draft.OnBehalfOf = behalf(id, session, draft.Actor)
	draft.SessionID = id.Text("accessKeyId")
	c.members.Put("userIdentity", id.Rest())
}

func actor(id, session *connector.Members) *audit.Actor {
	kind := id.Get("type").String()
	own := sessionName(kind, id)
	name := actorName(kind, id, session, own)
	email := own
	if email == "" {
		email = string(name)
	}
	return audit.NewActor(Name, actorType(kind, id, own), vendorID(kind, id), name, emailOf(email))
}

// actorName is the user's name, or the role's with the session's behind it.
func actorName(kind string, id, session *connector.Members, own string) audit.Text {
	if name := id.Text("userName"); name != "" {
		return name
	}
	role := session.Object("sessionIssuer").Get("userName")
	switch {
	case role.Type == gjson.String && role.Str != "":
		return audit.Text(strings.TrimSuffix(role.Str+"/"+own, "/"))
	case own != "":
		return audit.Text(own)
	case kind == "Root":
		return "root"
	}
	return audit.Text(id.Get("invokedBy").String())
}

func emailOf(name string) audit.Text {
	if !strings.Contains(name, "@") {
		return ""
	}
	return audit.Text(name)
}

// vendorID is the identity's ARN. People of IAM Identity Center, other accounts and services have none.
func vendorID(kind string, id *connector.Members) audit.Text {
	if arn := id.Text("arn"); arn != "" {
		return arn
	}
	others := []string{id.Get("principalId").String()}
	switch kind {
	case "IdentityCenterUser":
		others = []string{id.Object("onBehalfOf").Get("userId").String(), id.Get("credentialId").String()}
	case "AWSAccount", "Root":
		others = append(others, id.Get("accountId").String())
	}
	return audit.Text(cmp.Or(others...))
}

// sessionName is what the caller named the session of a role, behind the colon of `AROAEXAMPLEID:alice`. Whoever may
// assume the role chooses it; people who come from an identity provider get their e-mail address.
func sessionName(kind string, id *connector.Members) string {
	switch kind {
	case "AssumedRole", "Role", "FederatedUser", "SAMLUser", "WebIdentityUser":
		_, name, _ := strings.Cut(id.Get("principalId").String(), ":")
		return name
	}
	return ""
}

func actorType(kind string, id *connector.Members, session string) audit.ActorType {
	switch kind {
	case "Root", "IAMUser", "IdentityCenterUser", "SAMLUser", "WebIdentityUser", "Directory":
		return audit.ActorUser
	case "AssumedRole", "Role", "FederatedUser":
		if strings.Contains(session, "@") {
			return audit.ActorUser
		}
		return audit.ActorService
	case "AWSAccount":
		if id.Get("accountId").String() == "ANONYMOUS_PRINCIPAL" {
			return audit.ActorAnonymous
		}
		return audit.ActorService
	case "AWSService":
		return audit.ActorService
	case "":
		if id.Get("invokedBy").String() != "" {
			return audit.ActorService
		}
	}
	return audit.ActorUnknown
}

// behalf is the person whom IAM Identity Center passed on with the call, else the source identity that a session of a
// role cannot change.
func behalf(id, session *connector.Members, actor *audit.Actor) *audit.Actor {
	person := id.Object("onBehalfOf").Get("userId")
	source := session.Get("sourceIdentity")
	var other *audit.Actor
	switch {
	case person.Type == gjson.String:
		other = audit.NewActor(Name, audit.ActorUser, audit.Text(person.Str), "", "")
	case source.Type == gjson.String:
		other = audit.NewActor(Name, audit.ActorUser, "", audit.Text(source.Str), emailOf(source.Str))
	}
	if other == nil || actor != nil && other.Key == actor.Key {
		return nil
	}
	return other
}
