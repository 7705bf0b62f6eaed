package cloudtrail

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// identify reads userIdentity: who called, in whose place, with which credential. What is left of it is metadata.
func (c *call) identify(draft *audit.Draft) {
	id := c.members.Object("userIdentity")
	session := id.Object("sessionContext")
	draft.Actor = actor(id, session)
	draft.OnBehalfOf = behalf(id, session)
	draft.SessionID = id.Text("accessKeyId")
	c.members.Put("userIdentity", id.Rest())
}

func actor(id, session *connector.Members) *audit.Actor {
	kind := id.Get("type").String()
	name, user := id.Text("userName"), sessionName(kind, id)
	if role := session.Object("sessionIssuer").Get("userName"); name == "" && role.Type == gjson.String {
		name = audit.Text(strings.Trim(role.Str+"/"+user, "/"))
	}
	if name == "" {
		name = audit.Text(user)
	}
	if name == "" {
		name = audit.Text(id.Get("invokedBy").String())
	}
	email := user
	if email == "" {
		email = string(name)
	}
	if !strings.Contains(email, "@") {
		email = ""
	}
	return audit.NewActor(Name, actorType(kind, id, user), vendorID(id), name, audit.Text(email))
}

// vendorID is the identity's ARN. Identities of other accounts, services and IAM Identity Center have none.
func vendorID(id *connector.Members) audit.Text {
	if arn := id.Text("arn"); arn != "" {
		return arn
	}
	for _, other := range []string{"principalId", "credentialId", "accountId"} {
		if value := id.Get(other); value.Type == gjson.String && value.Str != "" {
			return audit.Text(value.Str)
		}
	}
	return ""
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
func behalf(id, session *connector.Members) *audit.Actor {
	person := id.Object("onBehalfOf").Get("userId")
	if person.Type == gjson.String {
		return audit.NewActor(Name, audit.ActorUser, audit.Text(person.Str), "", "")
	}
	source := session.Get("sourceIdentity")
	if source.Type != gjson.String {
		return nil
	}
	email := ""
	if strings.Contains(source.Str, "@") {
		email = source.Str
	}
	return audit.NewActor(Name, audit.ActorUser, "", audit.Text(source.Str), audit.Text(email))
}
