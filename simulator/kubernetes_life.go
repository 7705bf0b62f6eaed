package simulator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// kubernetesLife is the cluster: who uses it, and what happens next. It is driven by one source of randomness, so that
// a seed always gives the same life.
type kubernetesLife struct {
	rand    *rand.Rand
	pace    *Pace
	faults  *Faults
	weights int
	serials int
}

// kubernetesDeed is a request, and how often it happens.
type kubernetesDeed struct {
	weight      int
	who         kubernetesWho
	verb        string
	group       string // of the API, empty for the core
	resource    string
	subresource string
	names       string // of objects, in a list with blanks; empty for all objects
	cluster     bool   // the resource is in no namespace
	do          func(*kubernetesLife, *kubernetesEvent)
}

type kubernetesWho int

const (
	kubernetesPerson kubernetesWho = iota
	kubernetesController
	kubernetesNode
	kubernetesNobody
)

// kubernetesDeeds are what happens in the cluster. Most of it is done by the cluster itself.
var kubernetesDeeds = []kubernetesDeed{
	{weight: 90, who: kubernetesController, verb: "list", resource: "pods"},
	{weight: 60, who: kubernetesController, verb: "watch", group: "apps", resource: "deployments", do: (*kubernetesLife).watch},
	{weight: 60, who: kubernetesNode, verb: "patch", resource: "nodes", subresource: "status", names: "node-1 node-2 node-3", cluster: true},
	{weight: 40, who: kubernetesController, verb: "update", group: "coordination.k8s.io", resource: "leases", names: "scheduler controller-manager"},
	{weight: 30, who: kubernetesNode, verb: "create", resource: "serviceaccounts", subresource: "token", names: "default builder"},
	{weight: 30, who: kubernetesPerson, verb: "get", resource: "pods", names: "checkout-7c9d search-5b6f mail-0"},
	{weight: 20, who: kubernetesPerson, verb: "get", resource: "pods", subresource: "log", names: "checkout-7c9d search-5b6f"},
	{weight: 16, who: kubernetesPerson, verb: "patch", group: "apps", resource: "deployments", names: "checkout search", do: (*kubernetesLife).scale},
	{weight: 14, who: kubernetesPerson, verb: "get", resource: "secrets", names: "database mail license"},
	{weight: 10, who: kubernetesPerson, verb: "create", resource: "pods", subresource: "exec", names: "checkout-7c9d mail-0"},
	{weight: 10, who: kubernetesController, verb: "delete", resource: "pods", names: "checkout-7c9d search-5b6f"},
	{weight: 8, who: kubernetesPerson, verb: "update", resource: "configmaps", names: "features limits"},
	{weight: 8, who: kubernetesPerson, verb: "create", group: "authorization.k8s.io", resource: "selfsubjectaccessreviews", cluster: true},
	{weight: 6, who: kubernetesPerson, verb: "create", resource: "secrets", names: "registry", do: (*kubernetesLife).hideObject},
	{weight: 5, who: kubernetesPerson, verb: "create", group: "rbac.authorization.k8s.io", resource: "rolebindings", names: "admins", do: (*kubernetesLife).bind},
	{weight: 4, who: kubernetesPerson, verb: "delete", group: "rbac.authorization.k8s.io", resource: "rolebindings", names: "admins"},
	{weight: 4, who: kubernetesPerson, verb: "update", group: "networking.k8s.io", resource: "networkpolicies", names: "default-deny"},
	{weight: 4, who: kubernetesPerson, verb: "list", resource: "secrets", do: (*kubernetesLife).impersonate},
	{weight: 12, who: kubernetesNobody, verb: "get", do: (*kubernetesLife).probe},
}

func newKubernetesLife(o Options) *kubernetesLife {
	l := &kubernetesLife{rand: o.Rand("kubernetes"), pace: o.Pace("kubernetes"), faults: o.Faults}
	for _, deed := range kubernetesDeeds {
		l.weights += deed.weight
	}
	return l
}

// next lets one request happen and gives its events, one per stage.
func (l *kubernetesLife) next(at time.Time) []*kubernetesEvent {
	deed := l.deed()
	event := &kubernetesEvent{
		Kind: "Event", APIVersion: "audit.k8s.io/v1", Level: "Metadata", AuditID: guidOf(l.rand), Stage: "ResponseComplete",
		Verb: deed.verb, RequestReceivedTimestamp: kubernetesTime(at), StageTimestamp: kubernetesTime(at.Add(4 * time.Millisecond)),
		Annotations:    map[string]string{"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": ""},
		ResponseStatus: map[string]any{"metadata": map[string]any{}, "code": kubernetesCode(deed.verb)},
	}
	l.sign(event, deed.who)
	if deed.resource != "" {
		l.name(event, deed)
	}
	if deed.do != nil {
		deed.do(l, event)
	}
	if deed.who == kubernetesPerson && l.rand.IntN(12) == 0 {
		l.forbid(event)
	}
	if l.faults.Hits(UnknownAction) {
		event.Verb = "engage"
	}
	if event.Stage == "ResponseStarted" {
		done := *event
		done.Stage, done.StageTimestamp = "ResponseComplete", kubernetesTime(at.Add(7*time.Minute))
		return []*kubernetesEvent{event, &done}
	}
	return []*kubernetesEvent{event}
}

func (l *kubernetesLife) deed() kubernetesDeed {
	n := l.rand.IntN(l.weights)
	kind := 0
	for n >= kubernetesDeeds[kind].weight {
		n -= kubernetesDeeds[kind].weight
		kind++
	}
	return kubernetesDeeds[kind]
}

// sign says who asked, from where, with what.
func (l *kubernetesLife) sign(event *kubernetesEvent, who kubernetesWho) {
	switch who {
	case kubernetesController:
		account := pick(l.rand, []string{"kube-system:deployment-controller", "kube-system:coredns", "argocd:application-controller"})
		event.User = kubernetesUser{
			Username: "system:serviceaccount:" + account, UID: "3b1f6f0a-0000-4000-8000-000000000001",
			Groups: []string{"system:serviceaccounts", "system:authenticated"},
			Extra:  map[string][]string{"authentication.kubernetes.io/credential-id": {"JTI=" + guidOf(l.rand)}},
		}
		event.SourceIPs, event.UserAgent = []string{"198.51.100.7"}, "kube-controller-manager/v1.34.1 (linux/amd64)"
	case kubernetesNode:
		node := pick(l.rand, []string{"node-1", "node-2", "node-3"})
		event.User = kubernetesUser{Username: "system:node:" + node, Groups: []string{"system:nodes", "system:authenticated"}}
		event.SourceIPs, event.UserAgent = []string{"2001:db8::" + node[5:]}, "kubelet/v1.34.1 (linux/arm64)"
	case kubernetesNobody:
		event.User = kubernetesUser{Username: "system:anonymous", Groups: []string{"system:unauthenticated"}}
		event.SourceIPs, event.UserAgent = []string{"203.0.113.77"}, "curl/8.15.0"
	case kubernetesPerson:
		name := pick(l.rand, []string{"alice", "bruno", "chen", "dana"})
		event.User = kubernetesUser{Username: name + "@example.com", Groups: []string{"engineers", "system:authenticated"}}
		event.SourceIPs = []string{fmt.Sprintf("192.0.2.%d", 10+len(name))}
		event.UserAgent = "kubectl/v1.34.1 (darwin/arm64) kubernetes/93248f9"
	}
}

func (l *kubernetesLife) name(event *kubernetesEvent, deed kubernetesDeed) {
	object := &kubernetesObject{Resource: deed.resource, APIGroup: deed.group, APIVersion: "v1", Subresource: deed.subresource}
	path := "/api/v1"
	if deed.group != "" {
		path = "/apis/" + deed.group + "/v1"
	}
	if !deed.cluster {
		object.Namespace = pick(l.rand, []string{"prod", "staging", "tools"})
		path += "/namespaces/" + object.Namespace
	}
	path += "/" + deed.resource
	if deed.names != "" {
		object.Name = pick(l.rand, strings.Fields(deed.names))
		path += "/" + object.Name
	}
	if deed.subresource != "" {
		path += "/" + deed.subresource
	}
	event.ObjectRef, event.RequestURI = object, path
}

func (l *kubernetesLife) watch(event *kubernetesEvent) {
	event.Stage = "ResponseStarted"
	event.RequestURI += "?allowWatchBookmarks=true&timeoutSeconds=420&watch=true"
}

func (l *kubernetesLife) scale(event *kubernetesEvent) {
	event.Level = "Request"
	event.RequestObject = map[string]any{"spec": map[string]any{"replicas": 1 + l.rand.IntN(9)}}
}

// hideObject gives the event an object that must not show.
func (l *kubernetesLife) hideObject(event *kubernetesEvent) {
	event.Level = "Request"
	event.RequestObject = map[string]any{"kind": "Secret", "apiVersion": "v1", "data": map[string]any{"password": "c2ltdWxhdGVk"}}
}

func (l *kubernetesLife) bind(event *kubernetesEvent) {
	event.Level = "Request"
	event.RequestObject = map[string]any{
		"kind": "RoleBinding", "apiVersion": "rbac.authorization.k8s.io/v1",
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": pick(l.rand, []string{"admin", "cluster-admin"})},
		"subjects": []any{map[string]any{"kind": "User", "name": pick(l.rand, []string{"dana@example.com", "erik@example.com"})}},
	}
}

func (l *kubernetesLife) impersonate(event *kubernetesEvent) {
	event.ImpersonatedUser = &kubernetesUser{Username: "system:serviceaccount:prod:builder", Groups: []string{"system:serviceaccounts"}}
}

// probe is a request for no resource, which nobody may make but for the health.
func (l *kubernetesLife) probe(event *kubernetesEvent) {
	event.RequestURI = pick(l.rand, []string{"/healthz", "/readyz?verbose=true", "/openapi/v2", "/metrics"})
	if event.RequestURI == "/openapi/v2" || event.RequestURI == "/metrics" {
		l.forbid(event)
	}
}

func (l *kubernetesLife) forbid(event *kubernetesEvent) {
	event.Annotations = map[string]string{"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""}
	event.ResponseStatus = map[string]any{
		"metadata": map[string]any{}, "status": "Failure", "reason": "Forbidden", "code": 403,
		"message": fmt.Sprintf("User %q cannot %s at this scope", event.User.Username, event.Verb),
	}
}

func (l *kubernetesLife) serial() int {
	l.serials++
	return l.serials
}

func kubernetesTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000000Z") }

func kubernetesCode(verb string) int {
	if verb == "create" {
		return 201
	}
	return 200
}
