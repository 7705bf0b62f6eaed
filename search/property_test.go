package search

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"annals/audit"
)

// Generators draw from few values, so that conditions often hold. They are made where they are drawn from: the lists
// may be shared by tests that run at once, a generator may not.

func anyOfTexts(values ...string) *rapid.Generator[string] { return rapid.SampledFrom(values) }

var (
	names = []string{
		"", "Ann", "ann", " ann", "ann@example.com", "Zoë", "o'neil", `a\b`, "repo-42", "東京",
		"CreateAccessKey", strings.Repeat("long ", 120), strings.Repeat("long ", 120) + "er", "\xff", "x\x00y",
	}
	types     = []string{"github.repo.create", "github.repo.delete", "github.Repo.create", "okta.user.session.start"}
	addresses = []string{"203.0.113.1", "203.0.113.2", "198.51.100.7", "2001:db8::1"}
	sentences = []string{
		"", "Ann created the production database", "production of databases", "the Database, production!",
		"iam.CreateAccessKey by ZOË", "naïve Straße 東京タワー", "203.0.113.1 login",
	}
)

func genTime() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(-3, 3), func(n int64) time.Time {
		switch n {
		case -3:
			return time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC) // before the index is exact
		case 3:
			return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		return time.UnixMicro(1_793_600_000_000_000 + n).UTC()
	})
}

func genActor() *rapid.Generator[*audit.Actor] {
	return rapid.Custom(func(t *rapid.T) *audit.Actor {
		if rapid.Bool().Draw(t, "nobody") {
			return nil
		}
		name := audit.Text(rapid.SampledFrom(names).Draw(t, "name"))
		return &audit.Actor{
			Key: "key:" + string(name), Type: audit.ActorUser, VendorID: audit.Text(rapid.SampledFrom(names).Draw(t, "id")), Name: name,
			Email: audit.Text(rapid.SampledFrom(names).Draw(t, "email")),
		}
	})
}

func genActivity() *rapid.Generator[*audit.Activity] {
	return rapid.Custom(func(t *rapid.T) *audit.Activity {
		a := &audit.Activity{
			Tenant: 1, Seq: rapid.Int64Range(0, 9).Draw(t, "seq"), Connector: "github", Path: audit.PathPoll,
			IntegrationID: audit.IntegrationID(rapid.Int64Range(1, 3).Draw(t, "integration")),
			RecordedAt:    genTime().Draw(t, "recorded"),
			Draft: audit.Draft{
				Type: rapid.SampledFrom(types).Draw(t, "type"), Action: audit.ActionCreate, Category: audit.CategoryData,
				Outcome:     rapid.SampledFrom([]audit.Outcome{audit.OutcomeSuccess, audit.OutcomeDenied}).Draw(t, "outcome"),
				Description: audit.Text(rapid.SampledFrom(sentences).Draw(t, "description")),
				Actor:       genActor().Draw(t, "actor"), OnBehalfOf: genActor().Draw(t, "behalf"),
				SessionID: audit.Text(rapid.SampledFrom(names).Draw(t, "session")), OccurredAt: genTime().Draw(t, "occurred"),
			},
		}
		for range rapid.IntRange(0, 3).Draw(t, "targets") {
			a.Targets = append(a.Targets, audit.Target{
				Key: "k" + rapid.SampledFrom(names).Draw(t, "key"), Type: rapid.SampledFrom(names).Draw(t, "kind"), Name: audit.Text(rapid.SampledFrom(names).Draw(t, "target")),
			})
		}
		if rapid.Bool().Draw(t, "has address") {
			a.Origin.IP = netip.MustParseAddr(rapid.SampledFrom(addresses).Draw(t, "ip"))
		}
		if rapid.Bool().Draw(t, "has place") {
			a.Origin.Location = &audit.Location{Country: "IN", City: audit.Text(rapid.SampledFrom(names).Draw(t, "city"))}
		}
		a.Metadata, _ = json.Marshal(map[string]any{"of": []any{rapid.SampledFrom(sentences).Draw(t, "leaf"), 42}})
		return a
	})
}

func valuesOf(generator *rapid.Generator[string]) *rapid.Generator[[]string] {
	return rapid.Map(rapid.SliceOfN(generator, 1, 3), func(values []string) []string {
		slices.Sort(values)
		return slices.Compact(values)
	})
}

func genText(fields []audit.Field, values *rapid.Generator[string]) *rapid.Generator[audit.Expr] {
	return rapid.Custom(func(t *rapid.T) audit.Expr {
		field, negated := rapid.SampledFrom(fields).Draw(t, "field"), rapid.Bool().Draw(t, "negated")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return audit.Has{Field: field, Negated: negated}
		case 1:
			return audit.Prefix{Field: field, Values: valuesOf(values).Draw(t, "prefixes")}
		}
		return audit.In{Field: field, Values: valuesOf(values).Draw(t, "values"), Negated: negated}
	})
}

func genLeaf() *rapid.Generator[audit.Expr] {
	texts := []audit.Field{
		audit.FieldActorName, audit.FieldActorEmail, audit.FieldBehalfName, audit.FieldSession, audit.FieldCity, audit.FieldRequest,
	}
	targets := []audit.Field{audit.FieldTarget, audit.FieldTargetType, audit.FieldTargetName, audit.FieldTargetID}
	kinds := anyOfTexts("github.repo.create", "github.", "git", "", "GitHub", "okta.user.session.start", "github.Repo.create")
	return rapid.OneOf(
		genText(texts, anyOfTexts(names...)),
		genText([]audit.Field{audit.FieldType}, kinds),
		genText([]audit.Field{audit.FieldOutcome, audit.FieldCountry}, anyOfTexts("SUCCESS", "DENIED", "IN", "")),
		rapid.Custom(func(t *rapid.T) audit.Expr {
			return audit.SomeTarget{Of: rapid.SliceOfN(genText(targets, anyOfTexts(names...)), 1, 2).Draw(t, "of")}
		}),
		rapid.Custom(func(t *rapid.T) audit.Expr {
			ids := rapid.SliceOfN(rapid.Int64Range(1, 3), 0, 2).Draw(t, "ids")
			e := audit.InIntegrations{Negated: rapid.Bool().Draw(t, "negated")}
			for _, id := range ids {
				e.IDs = append(e.IDs, audit.IntegrationID(id))
			}
			return e
		}),
		rapid.Custom(func(t *rapid.T) audit.Expr {
			e := audit.InNetworks{Negated: rapid.Bool().Draw(t, "negated")}
			for _, text := range rapid.SliceOfN(anyOfTexts("203.0.113.1/32", "203.0.113.0/24", "2001:db8::1/128"), 1, 2).Draw(t, "networks") {
				e.Networks = append(e.Networks, netip.MustParsePrefix(text))
			}
			return e
		}),
		rapid.Custom(func(t *rapid.T) audit.Expr {
			e := audit.Between{Field: rapid.SampledFrom([]audit.Field{audit.FieldOccurred, audit.FieldRecorded}).Draw(t, "field")}
			if rapid.Bool().Draw(t, "from") {
				e.From = genTime().Draw(t, "time").Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "ns")))
			}
			if rapid.Bool().Draw(t, "to") {
				e.To = genTime().Draw(t, "time").Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "ns")))
			}
			return e
		}),
		rapid.Custom(func(t *rapid.T) audit.Expr {
			bound := rapid.Ptr(rapid.OneOf(rapid.Int64Range(-1, 10), rapid.Int64()), true)
			return audit.SeqBetween{Min: bound.Draw(t, "min"), Max: bound.Draw(t, "max")}
		}),
	)
}

func genExpr(depth int) *rapid.Generator[audit.Expr] {
	if depth == 0 {
		return genLeaf()
	}
	inner := genExpr(depth - 1)
	return rapid.OneOf(
		genLeaf(),
		rapid.Map(inner, func(of audit.Expr) audit.Expr { return audit.Not{Of: of} }),
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(parts []audit.Expr) audit.Expr { return audit.All(parts) }),
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(parts []audit.Expr) audit.Expr { return audit.Any(parts) }),
	)
}

// stored is a document as the server has it: out of its line of NDJSON.
func stored(t interface{ Fatal(...any) }, a *audit.Activity) map[string]any {
	line, err := newDocument(a).line()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(line, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// ours is an index with our settings.
func ours() *fakeIndex {
	index := &fakeIndex{searchable: wordAttributes()}
	rules, err := json.Marshal(filterable())
	if err == nil {
		err = json.Unmarshal(rules, &index.filterable)
	}
	if err != nil {
		panic(err)
	}
	return index
}

// says reports whether a question finds a document that is alone in an index with our settings.
func says(document map[string]any, question string) bool {
	index := ours()
	index.documents = map[string]map[string]any{"": document}
	return index.reads(question)(document)
}

// holds evaluates a condition on a document as a server with our settings would.
func (c condition) holds(document map[string]any) (bool, error) {
	switch c.kind {
	case everything:
		return true, nil
	case nothing:
		return false, nil
	}
	selects, err := evaluator(c.text, ours().allows)
	if err != nil {
		return false, fmt.Errorf("%s: %w", c.text, err)
	}
	return selects(document), nil
}

// Whatever the filter, the index must propose every activity that fulfils it.
func TestFilterMissesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		where, a := genExpr(3).Draw(t, "where"), genActivity().Draw(t, "activity")
		condition := superset(where, false)
		holds, err := condition.holds(stored(t, a))
		if err != nil {
			t.Fatal(err)
		}
		if audit.Match(where, a) && !holds {
			t.Errorf("%+v is left out by %s", where, condition.text)
		}
	})
}

// The same of single conditions and their opposites, many at a time.
func TestConditionsMissNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := genActivity().Draw(t, "activity")
		document := stored(t, a)
		for _, where := range rapid.SliceOfN(genLeaf(), 40, 40).Draw(t, "leaves") {
			for _, negated := range []bool{false, true} {
				holds, err := superset(where, negated).holds(document)
				if err != nil {
					t.Fatal(err)
				}
				if audit.Match(where, a) != negated && !holds {
					t.Errorf("%+v, negated %t, is left out by %s", where, negated, superset(where, negated).text)
				}
			}
		}
	})
}

// What the index can say exactly, it says exactly: a filter that lets everything through would miss nothing either.
func TestFilterIsExactWhereItCanBe(t *testing.T) {
	t.Parallel()
	one, five := int64(1), int64(5)
	start := time.UnixMicro(1_793_600_000_000_000).UTC()
	exprs := []audit.Expr{
		audit.In{Field: audit.FieldActorName, Values: []string{"Ann", "Zoë", "o'neil"}},
		audit.In{Field: audit.FieldActorName, Values: []string{"", "ann"}},
		audit.In{Field: audit.FieldOutcome, Values: []string{"DENIED"}},
		audit.Has{Field: audit.FieldCity},
		audit.Prefix{Field: audit.FieldType, Values: []string{"github.repo", "okta"}},
		audit.InIntegrations{IDs: []audit.IntegrationID{1, 2}},
		audit.InIntegrations{},
		audit.InNetworks{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.1/32")}},
		audit.Between{Field: audit.FieldOccurred, From: start, To: start.Add(time.Microsecond)},
		audit.SeqBetween{Min: &one, Max: &five},
		audit.SomeTarget{Of: audit.All{audit.In{Field: audit.FieldTargetName, Values: []string{"Ann"}}}},
		audit.SomeTarget{Of: audit.All{audit.Has{Field: audit.FieldTargetType}}},
	}
	rapid.Check(t, func(t *rapid.T) {
		pick := rapid.SampledFrom(exprs)
		where := audit.Expr(audit.Any{
			audit.All{pick.Draw(t, "a"), audit.Not{Of: pick.Draw(t, "b")}}, audit.Not{Of: audit.Any{pick.Draw(t, "c"), pick.Draw(t, "d")}},
		})
		a := genActivity().Draw(t, "activity")
		condition := superset(where, false)
		holds, err := condition.holds(stored(t, a))
		if err != nil {
			t.Fatal(err)
		}
		if holds != audit.Match(where, a) {
			t.Errorf("%+v: %s says %t", where, condition.text, holds)
		}
	})
}

// The index must propose every activity that a question in words matches.
func TestWordsMissNothing(t *testing.T) {
	t.Parallel()
	terms := anyOfTexts("ann", "create*", "acc*", "key", `"production database"`, "production", "data*", "repo-42", "repo-4*",
		"zoe", "STRASSE", "東", "東京", "東京*", "203.0.113.1", "0.113.1", "0.113*", "2001:db8*", "ann@example.com", "o'neil", "github.repo*", "42",
		"x", "y", "naive", "the", "of", "login", "session", "user", "okta", "iam")
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(terms, 1, 12).Draw(t, "terms"), " ")
		a := genActivity().Draw(t, "activity")
		if question := question(audit.ParseText(text)); audit.ParseText(text).Match(a) && !says(stored(t, a), question) {
			t.Errorf("%q, asked as %s, misses %v", text, question, a.Texts())
		}
	})
}

// The same with texts of any kind, and questions made of what is in them.
func TestAnyWordsMissNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("aB1 .é東ไก́̈ß")))).Draw(t, "text")
		a := &audit.Activity{Draft: audit.Draft{Description: audit.Text(text)}}
		words := append(audit.Words(text), audit.WordParts(text)...)
		if len(words) == 0 {
			return
		}
		word := []rune(rapid.SampledFrom(words).Draw(t, "word"))
		asked := string(word[:rapid.IntRange(1, len(word)).Draw(t, "cut")]) + rapid.SampledFrom([]string{"", "*"}).Draw(t, "star")
		query := audit.ParseText(asked)
		if q := question(query); query.Match(a) && !says(stored(t, a), q) {
			t.Errorf("%+q, asked as %s, misses %+q", asked, q, text)
		}
	})
}

// Documents and filters are printable ASCII, whatever is recorded or asked.
func TestEverythingIsASCII(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := genActivity().Draw(t, "activity")
		a.Description = audit.Text(rapid.String().Draw(t, "description"))
		a.Metadata, _ = json.Marshal(map[string]string{"key": rapid.String().Draw(t, "leaf")})
		line, err := newDocument(a).line()
		if err != nil {
			t.Fatal(err)
		}
		text := string(line) + superset(genExpr(2).Draw(t, "where"), false).text + question(audit.ParseText(string(a.Description)))
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
			t.Errorf("%+q", text[i:])
		}
		if strings.Contains(string(line), `\`) {
			t.Errorf("an escape in %s", line)
		}
	})
}

// The deepest filter stays within the server's 36 parentheses.
func TestFilterDepth(t *testing.T) {
	t.Parallel()
	nest := func() *audit.Filter {
		leaf := func() *audit.Filter { return &audit.Filter{Type: &audit.StringFilter{In: []string{"x"}}} }
		deep := leaf()
		for i := range audit.MaxFilterDepth {
			outer := leaf()
			switch i % 3 {
			case 0:
				outer.Or = []*audit.Filter{deep, leaf()}
			case 1:
				outer.Not = deep
			default:
				outer.And = []*audit.Filter{deep, leaf()}
			}
			deep = outer
		}
		return deep
	}
	var ors *audit.Filter
	for range audit.MaxFilterDepth {
		next := &audit.Filter{Type: &audit.StringFilter{In: []string{"x", ""}}, Or: []*audit.Filter{{City: &audit.StringFilter{In: []string{"x"}}}}}
		if ors != nil {
			next.Or = append(next.Or, ors)
		}
		ors = next
	}
	for _, filter := range []*audit.Filter{nest(), ors.Or[1]} {
		where, err := filter.Normalise("filter", 1, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		restricted := audit.NewView(1, where, 9, time.Unix(0, 0))
		request := newRequest(restricted, "x", audit.PageQuery{
			Where: where, Order: audit.NewestFirst(), Between: [2]*audit.Position{{}, {}}, Limit: 1,
		})
		for _, part := range request.Filter.([]string) {
			if _, err := evaluator(part, func(string, string) bool { return true }); err != nil {
				t.Errorf("%s: %v", part, err)
			}
		}
	}
}

func FuzzExact(f *testing.F) {
	f.Add("Ann", "ann")
	f.Add("o'neil", `a\' OR tenant EXISTS`)
	f.Add(strings.Repeat("A", 200), strings.Repeat("A", 200)+"b")
	f.Fuzz(func(t *testing.T, a, b string) {
		formA, wholeA := exact(a)
		formB, wholeB := exact(b)
		if len(formA) > longestValue || strings.Trim(formA, "abcdefghijklmnopqrstuvwxyz0123456789._-/:@~") != "" {
			t.Errorf("%q is stored as %q", a, formA)
		}
		if folded(formA) != formA {
			t.Errorf("%q is folded to %q", formA, folded(formA))
		}
		if wholeA && wholeB && (formA == formB) != (a == b) {
			t.Errorf("%q and %q are %q and %q", a, b, formA, formB)
		}
		if strings.HasPrefix(a, b) && !strings.HasPrefix(formA, formB) {
			t.Errorf("%q begins with %q, %q not with %q", a, b, formA, formB)
		}
	})
}

// FuzzFilter asks for a hostile value: the filter must be read as one comparison with that value.
func FuzzFilter(f *testing.F) {
	f.Add("x' OR tenant EXISTS OR f_type = 'x")
	f.Add("\\' OR \xff\x00\u2028")
	f.Fuzz(func(t *testing.T, value string) {
		if value == "" {
			return
		}
		where := audit.In{Field: audit.FieldType, Values: []string{value}}
		for _, recorded := range []string{value, value + "x", "other"} {
			a := &audit.Activity{Tenant: 1, Draft: audit.Draft{Type: recorded}}
			holds, err := superset(where, false).holds(stored(t, a))
			if err != nil {
				t.Fatal(err)
			}
			if _, whole := exact(value); holds != (recorded == value) && (whole || !holds) {
				t.Errorf("%q holds for %q: %t", value, recorded, holds)
			}
		}
	})
}
