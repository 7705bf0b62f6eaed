package engine

import (
	"strings"
	"unicode/utf8"

	"annals/audit"
)

// Bounds of what is shown of an activity; raw is kept whole.
const (
	maxText    = 8 << 10
	maxTargets = 1000
	maxChanges = 1000
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
	d.Changes = d.Changes[:min(len(d.Changes), maxChanges)]
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
		if !within180(l.Latitude) || !within180(l.Longitude) {
			l.Latitude, l.Longitude = nil, nil
		}
	}
}

// within180 reports whether a coordinate is one, or absent. What is no number could not even be written as JSON.
func within180(degrees *float64) bool { return degrees == nil || *degrees >= -180 && *degrees <= 180 }

func fitText(text string) string {
	text = cut(text)
	if strings.IndexByte(text, 0) < 0 && utf8.ValidString(text) {
		return text
	}
	return cut(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD"))
}

// cut shortens a text to its bound, at a character.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	for end := maxText; end > maxText-utf8.UTFMax; end-- {
		if utf8.RuneStart(text[end]) {
			return text[:end]
		}
	}
	return text[:maxText]
}
