package kubernetes

import "annals/audit"

// action finds the verb: by what a subresource or resource makes of the request, else by the request's own verb.
func (e *event) action() audit.Action {
	switch e.subresource {
	case "exec", "attach", "portforward", "proxy": // get as well as create, depending on the protocol
		return audit.ActionExecute
	case "eviction":
		return audit.ActionDelete
	case "binding":
		return audit.ActionUpdate
	case "approval":
		return audit.ActionApprove
	}
	if e.verb == "create" {
		switch e.resource {
		case "tokenreviews", "subjectaccessreviews", "localsubjectaccessreviews", "selfsubjectaccessreviews",
			"selfsubjectrulesreviews", "selfsubjectreviews": // questions in the form of objects
			return audit.ActionRead
		}
	}
	if e.binding() {
		switch e.verb {
		case "create":
			return audit.ActionGrant
		case "delete", "deletecollection":
			return audit.ActionRevoke
		}
	}
	return verbs(e.verb)
}

// verbs knows the verbs of resources, and the methods of paths.
func verbs(verb string) audit.Action {
	switch verb {
	case "get", "list", "watch", "head", "options":
		return audit.ActionRead
	case "create", "post":
		return audit.ActionCreate
	case "update", "patch", "put":
		return audit.ActionUpdate
	case "delete", "deletecollection":
		return audit.ActionDelete
	case "connect", "proxy", "impersonate":
		return audit.ActionExecute
	case "bind", "escalate":
		return audit.ActionGrant
	case "approve":
		return audit.ActionApprove
	}
	return audit.ActionOther
}

// category finds the area by the resource.
func (e *event) category() audit.Category {
	switch e.resource + "/" + e.subresource {
	case "serviceaccounts/token":
		return audit.CategoryCredential
	case "pods/log":
		return audit.CategoryData
	case "/":
		if e.verb == "" {
			return audit.CategoryOther
		}
		return audit.CategorySystem
	}
	return categoryOf(e.resource)
}

func categoryOf(resource string) audit.Category {
	switch resource {
	case "secrets", "certificatesigningrequests", "clustertrustbundles":
		return audit.CategoryCredential
	case "roles", "clusterroles", "rolebindings", "clusterrolebindings", "subjectaccessreviews",
		"localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews":
		return audit.CategoryPermission
	case "tokenreviews", "selfsubjectreviews":
		return audit.CategoryAuthentication
	case "serviceaccounts", "users":
		return audit.CategoryUser
	case "groups":
		return audit.CategoryGroup
	case "services", "endpoints", "endpointslices", "ingresses", "ingressclasses", "networkpolicies", "ipaddresses",
		"servicecidrs", "gateways", "gatewayclasses", "httproutes":
		return audit.CategoryNetwork
	case "configmaps", "customresourcedefinitions", "apiservices", "mutatingwebhookconfigurations",
		"validatingwebhookconfigurations", "storageclasses", "csidrivers", "runtimeclasses", "priorityclasses",
		"flowschemas", "prioritylevelconfigurations", "horizontalpodautoscalers":
		return audit.CategoryConfiguration
	case "validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicies",
		"mutatingadmissionpolicybindings", "podsecuritypolicies", "poddisruptionbudgets", "resourcequotas", "limitranges":
		return audit.CategoryPolicy
	case "persistentvolumes", "persistentvolumeclaims", "volumeattachments", "csistoragecapacities":
		return audit.CategoryData
	case "pods", "deployments", "replicasets", "replicationcontrollers", "statefulsets", "daemonsets", "jobs", "cronjobs",
		"podtemplates", "controllerrevisions", "nodes", "csinodes", "namespaces", "events", "leases", "componentstatuses":
		return audit.CategorySystem
	}
	return audit.CategoryOther
}
