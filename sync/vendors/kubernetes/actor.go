package kubernetes

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// identify reads who asked, in whose place, and with which credential. Under impersonation the impersonator is the
// actor: user is who proved who they are, impersonatedUser whose rights they used.
func (e *event) identify(draft *audit.Draft) {
	if e.members.Get("user").IsObject() {
		user := e.members.Object("user")
		draft.Actor = actor(user)
		draft.SessionID = credentialID(user)
		e.members.Put("user", user.Rest())
	}
	if e.members.Get("impersonatedUser").IsObject() {
		impersonated := e.members.Object("impersonatedUser")
		draft.OnBehalfOf = actor(impersonated)
		e.members.Put("impersonatedUser", impersonated.Rest())
	}
}

// actor takes the name as the id, as access rules do. The uid is not told for every kind of user.
func actor(user *connector.Members) *audit.Actor {
	username := user.Text("username")
	kind, name := actorType(string(username))
	email := audit.Text("")
	if kind == audit.ActorUser && strings.Contains(string(username), "@") {
		email = username
	}
	return audit.NewActor(Name, kind, username, audit.Text(name), email)
}

// actorType tells the kinds of user apart by the names that Kubernetes reserves, and shortens those.
func actorType(username string) (kind audit.ActorType, name string) {
	if account, ok := strings.CutPrefix(username, "system:serviceaccount:"); ok {
		return audit.ActorService, strings.Replace(account, ":", "/", 1)
	}
	if node, ok := strings.CutPrefix(username, "system:node:"); ok {
		return audit.ActorSystem, node
	}
	switch {
	case username == "":
		return audit.ActorUnknown, ""
	case username == "system:anonymous":
		return audit.ActorAnonymous, username
	case strings.HasPrefix(username, "system:"):
		return audit.ActorSystem, username
	}
	return audit.ActorUser, username
}

// credentialID tells the token or certificate: `JTI=…` or `X509SHA256=…`, from Kubernetes 1.32 on.
func credentialID(user *connector.Members) audit.Text {
	id := user.Object("extra").Get("authentication.kubernetes.io/credential-id")
	if id.IsArray() && id.Get("0").Type == gjson.String {
		return audit.Text(id.Get("0").Str)
	}
	return ""
}
