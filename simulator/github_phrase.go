package simulator

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// githubPhrase is a search phrase: qualifiers that must all hold.
type githubPhrase struct {
	dated    bool      // there is a qualifier `created`
	from, to time.Time // both inclusive; zero is open
	terms    []githubTerm
}

// githubTerm is one qualifier other than `created`, or a bare word.
type githubTerm struct {
	qualifier, value string
	negated          bool
}

// githubRecord is what phrases look at.
type githubRecord struct {
	Action   string
	Actor    string
	Repo     string
	Location struct {
		Country string `json:"country_code"`
	} `json:"actor_location"`
	text string
}

// readGitHubRecord reads what it can: a fault may have given a member another type.
func readGitHubRecord(body []byte) githubRecord {
	record := githubRecord{text: string(body)}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members)
	for name, into := range map[string]any{
		"action": &record.Action, "actor": &record.Actor, "repo": &record.Repo, "actor_location": &record.Location,
	} {
		_ = json.Unmarshal(members[name], into)
	}
	return record
}

var errGitHubPhrase = errors.New("the search phrase has an invalid date")

// parseGitHubPhrase reads qualifiers that are separated by spaces.
func parseGitHubPhrase(text string) (githubPhrase, error) {
	var phrase githubPhrase
	for word := range strings.FieldsSeq(text) {
		qualifier, value, _ := strings.Cut(word, ":")
		if qualifier == "created" {
			if err := phrase.setCreated(value); err != nil {
				return githubPhrase{}, err
			}
			continue
		}
		qualifier, negated := strings.CutPrefix(qualifier, "-")
		phrase.terms = append(phrase.terms, githubTerm{qualifier: qualifier, value: value, negated: negated})
	}
	return phrase, nil
}

// setCreated reads `A..B`, `>=A`, `<=B`, `>A`, `<B`, or a day. Ends are whole seconds and inclusive; `*` leaves one open.
func (p *githubPhrase) setCreated(value string) (err error) {
	p.dated = true
	if from, to, ok := strings.Cut(value, ".."); ok {
		if p.from, _, err = githubTime(from); err != nil {
			return err
		}
		_, p.to, err = githubTime(to)
		return err
	}
	bare := strings.TrimLeft(value, "<>=")
	switch first, last, err := githubTime(bare); {
	case err != nil:
		return err
	case strings.HasPrefix(value, ">="):
		p.from = first
	case strings.HasPrefix(value, "<="):
		p.to = last
	case strings.HasPrefix(value, ">"):
		p.from = last.Add(time.Millisecond)
	case strings.HasPrefix(value, "<"):
		p.to = first.Add(-time.Millisecond)
	default:
		p.from, p.to = first, last
	}
	return nil
}

// githubTime reads a day or a second, and gives its first and last moment; a second is one moment.
func githubTime(text string) (first, last time.Time, err error) {
	if text == "*" {
		return time.Time{}, time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, day.AddDate(0, 0, 1).Add(-time.Millisecond), nil
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil || moment.Nanosecond() != 0 {
		return time.Time{}, time.Time{}, errGitHubPhrase
	}
	return moment.UTC(), moment.UTC(), nil
}

func (p githubPhrase) matches(record githubRecord) bool {
	for _, term := range p.terms {
		if term.holds(record) == term.negated {
			return false
		}
	}
	return true
}

// holds looks for a whole action or its category, for an actor, country or repository, or for a word anywhere.
func (t githubTerm) holds(record githubRecord) bool {
	switch t.qualifier {
	case "action":
		return record.Action == t.value || strings.HasPrefix(record.Action, t.value+".")
	case "actor":
		return strings.EqualFold(record.Actor, t.value)
	case "country":
		return strings.EqualFold(record.Location.Country, t.value)
	case "repo":
		return strings.EqualFold(record.Repo, t.value)
	}
	return strings.Contains(record.text, t.qualifier)
}
