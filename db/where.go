package db

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"annals/audit"
)

// query builds one SQL text with its arguments.
type query struct {
	strings.Builder
	args []any
}

// arg adds an argument and gives its placeholder.
func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return "$" + strconv.Itoa(len(q.args))
}

// where gives the SQL of a normalised filter. No condition is ever NULL: absent text is empty text, and what can be
// NULL is made false. Text compares by bytes, as every column's collation says.
func (q *query) where(e audit.Expr) string {
	switch e := e.(type) {
	case audit.All:
		return q.joined(e, " AND ", "TRUE")
	case audit.Any:
		return q.joined(e, " OR ", "FALSE")
	case audit.Not:
		return "NOT (" + q.where(e.Of) + ")"
	case audit.InIntegrations:
		return negated(e.Negated, "integration_id = ANY("+q.arg(e.IDs)+"::bigint[])")
	case audit.InNetworks:
		return negated(e.Negated, "coalesce(ip <<= ANY("+q.arg(e.Networks)+"::inet[]), FALSE)")
	case audit.Between:
		return q.between(e)
	case audit.SeqBetween:
		return q.seqBetween(e)
	case audit.SomeTarget:
		return q.someTarget(e)
	case audit.Has:
		if e.Field == audit.FieldIP {
			return negated(e.Negated, "ip IS NOT NULL")
		}
	}
	return q.text(e, column)
}

func (q *query) joined(parts []audit.Expr, by, none string) string {
	if len(parts) == 0 {
		return none
	}
	conditions := make([]string, len(parts))
	for i, part := range parts {
		conditions[i] = q.where(part)
	}
	return "(" + strings.Join(conditions, by) + ")"
}

func negated(not bool, condition string) string {
	if not {
		return "NOT (" + condition + ")"
	}
	return "(" + condition + ")"
}

// text gives the SQL of a condition on text, whose column is named by a function.
func (q *query) text(e audit.Expr, name func(audit.Field) string) string {
	switch e := e.(type) {
	case audit.In:
		return negated(e.Negated, name(e.Field)+" = ANY("+q.arg(storable(e.Values))+"::text[])")
	case audit.Prefix:
		return "EXISTS (SELECT FROM unnest(" + q.arg(storable(e.Values)) + "::text[]) AS p WHERE starts_with(" + name(e.Field) + ", p))"
	case audit.Has:
		return negated(e.Negated, name(e.Field)+" <> ''")
	}
	panic(fmt.Sprintf("db: no SQL for %T", e)) // a new kind of condition was forgotten here
}

// storable leaves out what no stored text is or begins with: Postgres refuses it as an argument.
func storable(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return !isStorable(value) })
}

func isStorable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

func (q *query) between(e audit.Between) string {
	name := "occurred_at"
	if e.Field == audit.FieldRecorded {
		name = "recorded_at"
	}
	var parts []string
	if !e.From.IsZero() {
		parts = append(parts, name+" >= "+q.arg(e.From))
	}
	if !e.To.IsZero() {
		parts = append(parts, name+" < "+q.arg(e.To))
	}
	if len(parts) == 0 {
		return "TRUE"
	}
	return strings.Join(parts, " AND ")
}

func (q *query) seqBetween(e audit.SeqBetween) string {
	var parts []string
	if e.Min != nil {
		parts = append(parts, "seq >= "+q.arg(*e.Min))
	}
	if e.Max != nil {
		parts = append(parts, "seq <= "+q.arg(*e.Max))
	}
	if len(parts) == 0 {
		return "TRUE"
	}
	return strings.Join(parts, " AND ")
}

// targetList reads the targets of a row; those without a value are NULL there.
const targetList = `json_to_recordset(CASE targets WHEN '' THEN '[]' ELSE targets END::json) AS t(key text, type text, "vendorId" text, name text)`

func (q *query) someTarget(e audit.SomeTarget) string {
	condition := "EXISTS (SELECT FROM " + targetList + " WHERE " + q.targetConditions(e.Of) + ")"
	if e.HoldsWithout() {
		return "(targets = '' OR " + condition + ")"
	}
	hints := []string{condition}
	for _, part := range e.Of {
		if patterns := targetPatterns(part); len(patterns) > 0 {
			hints = append(hints, "targets LIKE ANY("+q.arg(patterns)+"::text[])")
		}
	}
	return "(" + strings.Join(hints, " AND ") + ")"
}

// maxPatterns is how many patterns are still found sooner than JSON is read.
const maxPatterns = 16

// targetPatterns are patterns of LIKE of which one fits every text of targets with one that fulfils a condition, as
// encode writes it. Most texts fit none, and need not be read as JSON. None when that cannot be said.
func targetPatterns(e audit.Expr) []string {
	var patterns []string
	switch e := e.(type) {
	case audit.In:
		if !e.Negated && len(e.Values) <= maxPatterns {
			for _, value := range storable(e.Values) {
				patterns = append(patterns, targetPattern(e.Field, value, ""))
			}
		}
	case audit.Prefix:
		if len(e.Values) <= maxPatterns {
			for _, value := range storable(e.Values) {
				patterns = append(patterns, targetPattern(e.Field, value, `"`))
			}
		}
	}
	if slices.Contains(patterns, "") {
		return nil
	}
	return patterns
}

var likeLiteral = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// targetPattern finds a member of a target whose text begins with a value, and ends with it unless its last quote is cut
// off. It is empty where the value may be absent, or written in another way.
func targetPattern(f audit.Field, value, cut string) string {
	member := map[audit.Field]string{
		audit.FieldTarget: "key", audit.FieldTargetType: "type", audit.FieldTargetID: "vendorId", audit.FieldTargetName: "name",
	}[f]
	text, err := encode(value, false)
	if value == "" || member == "" || err != nil || strings.ContainsRune(value, utf8.RuneError) {
		return ""
	}
	return "%" + likeLiteral.Replace(`"`+member+`":`+strings.TrimSuffix(text, cut)) + "%"
}

func (q *query) targetConditions(of audit.All) string {
	if len(of) == 0 {
		return "TRUE"
	}
	conditions := make([]string, len(of))
	for i, part := range of {
		conditions[i] = q.text(part, targetColumn)
	}
	return strings.Join(conditions, " AND ")
}

func targetColumn(f audit.Field) string {
	switch f {
	case audit.FieldTarget:
		return "t.key COLLATE \"C\""
	case audit.FieldTargetType:
		return "t.type COLLATE \"C\""
	case audit.FieldTargetID:
		return `coalesce(t."vendorId", '') COLLATE "C"`
	case audit.FieldTargetName:
		return `coalesce(t.name, '') COLLATE "C"`
	}
	panic("db: no target column for " + string(f))
}

// textColumns are the plain columns by field.
var textColumns = map[audit.Field]string{
	audit.FieldType: "type", audit.FieldAction: "action", audit.FieldCategory: "category",
	audit.FieldConnector: "connector", audit.FieldOutcome: "outcome", audit.FieldPath: "path",
	audit.FieldActor: "actor_key", audit.FieldActorType: "actor_type", audit.FieldActorID: "actor_id",
	audit.FieldActorName: "actor_name", audit.FieldActorEmail: "actor_email",
	audit.FieldCountry: "country", audit.FieldCity: "city", audit.FieldUserAgent: "user_agent",
	audit.FieldSession: "session_id", audit.FieldRequest: "request_id", audit.FieldVendorID: "vendor_id",
	audit.FieldBehalf: behalfColumn("Key"), audit.FieldBehalfType: behalfColumn("Type"),
	audit.FieldBehalfID: behalfColumn("VendorID"), audit.FieldBehalfName: behalfColumn("Name"),
	audit.FieldBehalfEmail: behalfColumn("Email"),
}

func behalfColumn(member string) string {
	return `coalesce(CASE WHEN on_behalf_of <> '' THEN on_behalf_of::json ->> '` + member + `' END, '') COLLATE "C"`
}

func column(f audit.Field) string {
	name, ok := textColumns[f]
	if !ok {
		panic("db: no column for " + string(f))
	}
	return name
}
