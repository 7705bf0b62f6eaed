package audit

import "slices"

// Action is the normalised verb of an activity. What no table knows is ActionOther.
type Action string

// The verbs.
const (
	ActionCreate   Action = "CREATE"
	ActionRead     Action = "READ"
	ActionUpdate   Action = "UPDATE"
	ActionDelete   Action = "DELETE"
	ActionLogin    Action = "LOGIN"
	ActionLogout   Action = "LOGOUT"
	ActionGrant    Action = "GRANT"
	ActionRevoke   Action = "REVOKE"
	ActionEnable   Action = "ENABLE"
	ActionDisable  Action = "DISABLE"
	ActionInvite   Action = "INVITE"
	ActionApprove  Action = "APPROVE"
	ActionReject   Action = "REJECT"
	ActionTransfer Action = "TRANSFER"
	ActionExport   Action = "EXPORT"
	ActionExecute  Action = "EXECUTE"
	ActionOther    Action = "OTHER"
)

// Actions lists every verb.
func Actions() []Action {
	return []Action{
		ActionCreate, ActionRead, ActionUpdate, ActionDelete, ActionLogin, ActionLogout, ActionGrant, ActionRevoke,
		ActionEnable, ActionDisable, ActionInvite, ActionApprove, ActionReject, ActionTransfer, ActionExport,
		ActionExecute, ActionOther,
	}
}

// Valid reports whether a is one of the verbs.
func (a Action) Valid() bool { return slices.Contains(Actions(), a) }

// Category is the area that an activity touches.
type Category string

// The areas.
const (
	CategoryAuthentication Category = "AUTHENTICATION"
	CategorySession        Category = "SESSION"
	CategoryUser           Category = "USER"
	CategoryGroup          Category = "GROUP"
	CategoryPermission     Category = "PERMISSION"
	CategoryApplication    Category = "APPLICATION"
	CategoryCredential     Category = "CREDENTIAL"
	CategoryPolicy         Category = "POLICY"
	CategoryConfiguration  Category = "CONFIGURATION"
	CategoryData           Category = "DATA"
	CategorySharing        Category = "SHARING"
	CategoryNetwork        Category = "NETWORK"
	CategoryBilling        Category = "BILLING"
	CategorySecurity       Category = "SECURITY"
	CategorySystem         Category = "SYSTEM"
	CategoryOther          Category = "OTHER"
)

// Categories lists every area.
func Categories() []Category {
	return []Category{
		CategoryAuthentication, CategorySession, CategoryUser, CategoryGroup, CategoryPermission, CategoryApplication,
		CategoryCredential, CategoryPolicy, CategoryConfiguration, CategoryData, CategorySharing, CategoryNetwork,
		CategoryBilling, CategorySecurity, CategorySystem, CategoryOther,
	}
}

// Valid reports whether c is one of the areas.
func (c Category) Valid() bool { return slices.Contains(Categories(), c) }

// ActorType is the kind of an actor.
type ActorType string

// The kinds of actor.
const (
	ActorUser      ActorType = "USER"
	ActorService   ActorType = "SERVICE"
	ActorSystem    ActorType = "SYSTEM"
	ActorAnonymous ActorType = "ANONYMOUS"
	ActorUnknown   ActorType = "UNKNOWN"
)

// Valid reports whether t is one of the kinds.
func (t ActorType) Valid() bool {
	return slices.Contains([]ActorType{ActorUser, ActorService, ActorSystem, ActorAnonymous, ActorUnknown}, t)
}

// Outcome is how an activity ended. A policy decision is OutcomeDenied, a wrong password OutcomeFailure.
type Outcome string

// The outcomes.
const (
	OutcomeSuccess Outcome = "SUCCESS"
	OutcomeFailure Outcome = "FAILURE"
	OutcomeDenied  Outcome = "DENIED"
	OutcomeUnknown Outcome = "UNKNOWN"
)

// Valid reports whether o is one of the outcomes.
func (o Outcome) Valid() bool {
	return slices.Contains([]Outcome{OutcomeSuccess, OutcomeFailure, OutcomeDenied, OutcomeUnknown}, o)
}

// Path is the way on which an activity reached the ledger first.
type Path string

// The paths.
const (
	PathPoll     Path = "POLL"
	PathBackfill Path = "BACKFILL"
	PathSweep    Path = "SWEEP"
	PathWebhook  Path = "WEBHOOK"
	PathImport   Path = "IMPORT"
	PathPush     Path = "PUSH"
	PathInternal Path = "INTERNAL"
)

// Valid reports whether p is one of the paths.
func (p Path) Valid() bool {
	return slices.Contains([]Path{PathPoll, PathBackfill, PathSweep, PathWebhook, PathImport, PathPush, PathInternal}, p)
}

// LocationSource says who says where an address is.
type LocationSource string

// The sources of a location.
const (
	LocationVendor LocationSource = "VENDOR"
	LocationLookup LocationSource = "LOOKUP"
)

// Valid reports whether s is one of the sources.
func (s LocationSource) Valid() bool { return s == LocationVendor || s == LocationLookup }

// Scope is one permission of a token, spelled `activities:read` in the token and ACTIVITIES_READ in the API.
type Scope string

// The scopes.
const (
	ScopeActivitiesRead    Scope = "activities:read"
	ScopeActivitiesRaw     Scope = "activities:raw"
	ScopeActivitiesWrite   Scope = "activities:write"
	ScopeIntegrationsRead  Scope = "integrations:read"
	ScopeIntegrationsWrite Scope = "integrations:write"
	ScopeTokensRead        Scope = "tokens:read"
	ScopeTokensWrite       Scope = "tokens:write"
	ScopeViewersWrite      Scope = "viewers:write"
	ScopeSchemaRead        Scope = "schema:read"
)

// Scopes lists every scope.
func Scopes() []Scope {
	return []Scope{
		ScopeActivitiesRead, ScopeActivitiesRaw, ScopeActivitiesWrite, ScopeIntegrationsRead, ScopeIntegrationsWrite,
		ScopeTokensRead, ScopeTokensWrite, ScopeViewersWrite, ScopeSchemaRead,
	}
}

// Valid reports whether s is one of the scopes.
func (s Scope) Valid() bool { return slices.Contains(Scopes(), s) }
