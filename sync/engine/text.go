package engine

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"annals/audit"
)

// Bounds of what is shown of an activity; raw is kept whole.
const (
	maxText     = 8 << 10
	maxMetadata = 256 << 10
	maxTargets  = 1000
)

// fitTexts makes every text of a draft valid UTF-8 without NUL, which Postgres cannot hold, and of bounded length.
func fitTexts(d *audit.Draft) {
	d.Type = fitText(d.Type)
	for _, text := range []*audit.Text{
		&d.Description, &d.OutcomeReason, &d.SessionID, &d.RequestID, &d.VendorID, &d.Origin.UserAgent,
	} {
		*text = audit.Text(fitText(string(*text)))
	}
	for _, actor := range []*audit.Actor{d.Actor, d.OnBehalfOf} {
		if actor != nil {
			actor.Key = fitText(actor.Key)
			for _, text := range []*audit.Text{&actor.VendorID, &actor.Name, &actor.Email} {
				*text = audit.Text(fitText(string(*text)))
			}
		}
	}
	d.Targets = d.Targets[:min(len(d.Targets), maxTargets)]
	for i := range d.Targets {
		target := &d.Targets[i]
		target.Key, target.Type = fitText(target.Key), fitText(target.Type)
		target.VendorID, target.Name = audit.Text(fitText(string(target.VendorID))), audit.Text(fitText(string(target.Name)))
	}
	for i := range d.Changes {
		change := &d.Changes[i]
		change.Field = fitText(change.Field)
		for _, side := range []**string{&change.Before, &change.After} {
			if *side != nil {
				*side = new(fitText(**side))
			}
		}
	}
	if l := d.Origin.Location; l != nil {
		for _, text := range []*audit.Text{&l.Country, &l.Region, &l.City, &l.ASOrganization} {
			*text = audit.Text(fitText(string(*text)))
		}
	}
}

func fitText(text string) string {
	if len(text) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	if strings.IndexByte(text, 0) < 0 && utf8.ValidString(text) {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// fitJSON gives metadata as one JSON document that a JavaScript client reads without loss: numbers that a double cannot
// hold exactly become strings. What is no object, or too large, is left out.
func fitJSON(document audit.JSON) audit.JSON {
	if len(document) == 0 || len(document) > maxMetadata || !json.Valid(document) || bytes.TrimLeft(document, " \t\r\n")[0] != '{' {
		return nil
	}
	if !utf8.Valid(document) || bytes.IndexByte(document, 0) >= 0 {
		document = bytes.ToValidUTF8(document, []byte("\uFFFD"))
	}
	return exactNumbers(document)
}

// exactNumbers quotes the number tokens of a valid document that a double cannot hold exactly.
func exactNumbers(document []byte) []byte {
	var rebuilt []byte
	copied := 0
	for i := 0; i < len(document); {
		switch c := document[i]; {
		case c == '"':
			i = stringEnd(document, i)
		case c == '-' || c >= '0' && c <= '9':
			end := numberEnd(document, i)
			if token := string(document[i:end]); !exact(token) {
				rebuilt = append(append(rebuilt, document[copied:i]...), '"')
				rebuilt = append(append(rebuilt, token...), '"')
				copied = end
			}
			i = end
		default:
			i++
		}
	}
	if copied == 0 {
		return document
	}
	return append(rebuilt, document[copied:]...)
}

// stringEnd is the index behind the string that begins at i.
func stringEnd(document []byte, i int) int {
	for i++; document[i] != '"'; i++ {
		if document[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func numberEnd(document []byte, i int) int {
	for i < len(document) && strings.IndexByte("+-.eE0123456789", document[i]) >= 0 {
		i++
	}
	return i
}

// exact reports whether a double holds the number that a token writes.
func exact(token string) bool {
	if len(token) <= 15 && strings.IndexAny(token, ".eE") < 0 {
		return true
	}
	if len(token) > 64 {
		return false
	}
	double, err := strconv.ParseFloat(token, 64)
	if err != nil {
		return false
	}
	if strings.IndexAny(token, ".eE") >= 0 {
		// A fraction is exact enough when it prints back as the same number.
		back, _, err1 := big.ParseFloat(strconv.FormatFloat(double, 'g', -1, 64), 10, 256, big.ToNearestEven)
		want, _, err2 := big.ParseFloat(token, 10, 256, big.ToNearestEven)
		return err1 == nil && err2 == nil && back.Cmp(want) == 0
	}
	want, ok := new(big.Int).SetString(token, 10)
	if !ok {
		return false
	}
	got, accuracy := big.NewFloat(double).Int(nil)
	return accuracy == big.Exact && got.Cmp(want) == 0
}
