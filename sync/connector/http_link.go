package connector

import (
	"errors"
	"net/url"
	"strings"
)

// NextLink finds the address of the next page in an answer's Link headers (RFC 8288, rel="next"), empty when there is
// none. A link that leaves base's scheme and host is a *Failure of class AddressRefused: the request would carry the
// vendor's credentials there.
func NextLink(answer *Answer, base *url.URL) (string, error) {
	for _, header := range answer.Header.Values("Link") {
		if target, ok := findNext(header); ok {
			return FollowLink(answer.URL, base, target)
		}
	}
	return "", nil
}

// FollowLink resolves a link that the answer of an address gave, in a header or in its body, under the rule of
// NextLink.
func FollowLink(from, base *url.URL, link string) (string, error) {
	target, err := from.Parse(link)
	if err != nil {
		return "", Fail(Malformed, errors.New("the address of the next page is not valid"))
	}
	if target.User != nil || !sameHost(base, target) {
		return "", Fail(AddressRefused, errors.New("the next page is on another host"))
	}
	target.Fragment, target.RawFragment = "", ""
	return target.String(), nil
}

// sameHost compares scheme, host and port.
func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch explicit := u.Port(); {
	case explicit != "":
		return explicit
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}

// findNext finds the target of the first link whose relations include next.
func findNext(header string) (string, bool) {
	for {
		_, rest, ok := strings.Cut(header, "<")
		if !ok {
			return "", false
		}
		target, rest, ok := strings.Cut(rest, ">")
		if !ok {
			return "", false
		}
		next, rest := readParameters(rest)
		if next {
			return target, true
		}
		header = rest
	}
}

// readParameters reads the parameters of one link and gives what follows its comma. The first rel counts.
func readParameters(text string) (next bool, rest string) {
	seen := false
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" || text[0] == ',' {
			return next, strings.TrimPrefix(text, ",")
		}
		text = strings.TrimLeft(text, "; \t")
		end := strings.IndexAny(text, "=;,")
		if end < 0 {
			return next, ""
		}
		name, value := text[:end], ""
		text = text[end:]
		if text[0] == '=' {
			value, text = readValue(strings.TrimLeft(text[1:], " \t"))
		}
		if strings.EqualFold(strings.TrimSpace(name), "rel") && !seen {
			next, seen = hasNext(value), true
		}
	}
}

// readValue reads a token or a quoted string.
func readValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ";,")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:]
	}
	var unquoted strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return unquoted.String(), text[i+1:]
		case '\\':
			if i++; i == len(text) {
				return "", ""
			}
		}
		unquoted.WriteByte(text[i])
	}
	return "", ""
}

func hasNext(relations string) bool {
	for relation := range strings.FieldsSeq(relations) {
		if strings.EqualFold(relation, "next") {
			return true
		}
	}
	return false
}
