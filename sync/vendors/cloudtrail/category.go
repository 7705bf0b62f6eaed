package cloudtrail

import (
	"strings"

	"github.com/tidwall/gjson"

	"annals/audit"
)

// category finds the area of a call: by kind of record, then by service and name, then by whether it only read.
func (c *call) category() audit.Category {
	switch c.text("eventCategory") {
	case "Data":
		return audit.CategoryData
	case "NetworkActivity":
		return audit.CategoryNetwork
	}
	switch {
	case c.kind == insightType:
		return audit.CategorySecurity
	case c.kind == "AwsConsoleSignIn":
		return audit.CategoryAuthentication
	case c.name == "":
		return audit.CategoryOther
	}
	if category := c.byService(); category != "" {
		return category
	}
	if c.members.Get("readOnly").Type == gjson.True {
		return audit.CategoryData
	}
	return audit.CategoryConfiguration
}

// byService is empty where the service alone does not tell.
func (c *call) byService() audit.Category {
	switch c.service {
	case "signin":
		return audit.CategoryAuthentication
	case "sso", "sso-directory", "identitystore":
		return identityCenter(c.name)
	case "sts":
		return audit.CategorySession
	case "iam":
		return iam(c.name)
	case "kms", "secretsmanager":
		return secrets(c.name)
	case "cloudtrail", "guardduty":
		return audit.CategoryConfiguration
	case "config":
		return audit.CategoryPolicy
	case "organizations":
		if strings.Contains(c.name, "Policy") || strings.Contains(c.name, "Policies") {
			return audit.CategoryPolicy
		}
		return audit.CategoryConfiguration
	case "billing", "budgets", "ce", "cur", "aws-portal", "payments", "tax", "invoicing", "freetier":
		return audit.CategoryBilling
	case "route53", "route53resolver", "cloudfront", "elasticloadbalancing", "network-firewall", "directconnect":
		return audit.CategoryNetwork
	case "s3":
		if strings.Contains(c.name, "Object") && !containsAny(c.name, "ObjectLock", "ObjectAcl") {
			return audit.CategoryData
		}
	case "ec2":
		if containsAny(c.name, "SecurityGroup", "NetworkAcl", "Vpc", "Subnet", "Route", "Gateway", "NetworkInterface", "FlowLogs") {
			return audit.CategoryNetwork
		}
	}
	return sharing(c.name)
}

func identityCenter(name string) audit.Category {
	switch {
	case containsAny(name, "PermissionSet", "AccountAssignment"):
		return audit.CategoryPermission
	case strings.Contains(name, "Group"):
		return audit.CategoryGroup
	case strings.HasSuffix(name, "User") && firstWord(name) != "":
		return audit.CategoryUser
	}
	return audit.CategoryAuthentication
}

func iam(name string) audit.Category {
	switch {
	case containsAny(name, "PasswordPolicy"):
		return audit.CategoryPolicy
	case containsAny(name, "AccessKey", "LoginProfile", "MFA", "SigningCertificate", "SSHPublicKey", "ServiceSpecificCredential",
		"ServerCertificate", "ChangePassword"):
		return audit.CategoryCredential
	case containsAny(name, "Policy", "Policies", "Role", "InstanceProfile", "AuthorizationDetails"):
		return audit.CategoryPermission
	case containsAny(name, "Group"):
		return audit.CategoryGroup
	case containsAny(name, "User"):
		return audit.CategoryUser
	}
	return ""
}

// secrets: using a key or managing a secret touches credentials, what is encrypted with it is data.
func secrets(name string) audit.Category {
	switch firstWord(name) {
	case "Encrypt", "Decrypt", "Sign", "Verify":
		return audit.CategoryData
	}
	if strings.HasPrefix(name, "GenerateDataKey") {
		return audit.CategoryData
	}
	return audit.CategoryCredential
}

// sharing: calls that let other accounts or the public in.
func sharing(name string) audit.Category {
	switch {
	case containsAny(name, "SnapshotAttribute", "ImageAttribute") && strings.HasPrefix(name, "Modify"):
		return audit.CategorySharing
	case strings.HasPrefix(name, "Put") && containsAny(name, "BucketAcl", "ObjectAcl", "PublicAccessBlock"),
		strings.HasPrefix(name, "Delete") && containsAny(name, "PublicAccessBlock"):
		return audit.CategorySharing
	case firstWord(name) != "Get" && containsAny(name, "BucketPolicy", "ResourcePolicy", "RepositoryPolicy", "KeyPolicy", "AddPermission", "RemovePermission"):
		return audit.CategoryPermission
	}
	return ""
}

func containsAny(name string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
