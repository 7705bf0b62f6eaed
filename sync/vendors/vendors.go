// Package vendors lists the connectors.
package vendors

import (
	"annals/sync/connector"
	"annals/sync/vendors/cloudtrail"
	"annals/sync/vendors/github"
	"annals/sync/vendors/kubernetes"
)

// All gives the registration of every vendor.
func All() []connector.Registration {
	return []connector.Registration{
		cloudtrail.Registration(),
		github.Registration(),
		kubernetes.Registration(),
	}
}
