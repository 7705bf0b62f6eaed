package audit

// Entry is one thing that a person did in Annals itself.
type Entry struct {
	Subject     string // of the token that did it
	Token       TokenKind
	TokenName   string // of an API token
	Type        string // without the connector: `integration.create`
	Action      Action
	Category    Category
	Description string
	Target      Node // what it was done to; nil for nothing
	TargetType  string
	TargetName  string
	Changes     []Change       // secrets by their field alone
	Details     map[string]any // what else is worth knowing; never secrets
}
