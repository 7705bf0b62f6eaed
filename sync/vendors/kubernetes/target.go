package kubernetes

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
	"annals/sync/connector"
)

// targets are the object, and of a binding also the role that is bound and those that get it.
func (e *event) targets() []audit.Target {
	if e.resource == "" {
		if path := e.path(); path != "" {
			return []audit.Target{audit.NewTarget(Name, "path", "", audit.Text(path))}
		}
		return nil
	}
	var targets []audit.Target
	namespace, name := text(e.object, "namespace"), e.name()
	switch {
	case name != "":
		targets = append(targets, target(e.resource, namespace, name))
	case namespace != "": // of all objects in it
		targets = append(targets, target("namespaces", "", namespace))
	}
	if e.binding() {
		targets = append(targets, e.bound(namespace)...)
	}
	return targets
}

// name is the object's, from the response where the server chose it.
func (e *event) name() string {
	if name := text(e.object, "name"); name != "" {
		return name
	}
	if e.verb != "create" {
		return ""
	}
	for _, from := range []string{"responseObject", "requestObject"} {
		if name := e.members.Object(from).Get("metadata").Get("name"); name.Type == gjson.String && name.Str != "" {
			return name.Str
		}
	}
	return ""
}

// target is known by `namespace/name`: unlike its uid every event tells that.
func target(kind, namespace, name string) audit.Target {
	id := name
	if namespace != "" {
		id = namespace + "/" + name
	}
	return audit.NewTarget(Name, strings.ToLower(kind), audit.Text(id), audit.Text(name))
}

// bound reads roleRef and subjects, which stand in events of the levels Request and RequestResponse.
func (e *event) bound(namespace string) []audit.Target {
	binding := e.members.Object("requestObject")
	var targets []audit.Target
	add := func(named gjson.Result, namespace string) {
		kind, name := named.Get("kind").String(), named.Get("name").String()
		if kind == "" || name == "" {
			return
		}
		switch kind {
		case "ClusterRole", "User", "Group":
			namespace = ""
		}
		if own := named.Get("namespace").String(); own != "" {
			namespace = own
		}
		targets = append(targets, target(kind+"s", namespace, name))
	}
	add(binding.Get("roleRef"), namespace)
	for subject := range elements(binding.Get("subjects")) {
		if add(subject, ""); len(targets) == connector.MaxTargets {
			break
		}
	}
	return targets
}

func (e *event) binding() bool {
	return e.resource == "rolebindings" || e.resource == "clusterrolebindings"
}
