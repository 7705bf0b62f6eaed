package audit

import (
	"strconv"
	"strings"
)

// MaxJSONDepth is how deep metadata may nest, itself included. Many readers of JSON give up on deep nesting, and then on
// the whole answer.
const MaxJSONDepth = 64

// TooDeep reports whether a document nests deeper than MaxJSONDepth. Of a text that is no JSON it may say either.
func (j JSON) TooDeep() bool {
	depth, quoted := 0, false
	for i := 0; i < len(j); i++ {
		switch c := j[i]; {
		case c == '\\':
			i++ // the next one is escaped
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth > MaxJSONDepth {
			return true
		}
	}
	return false
}

// ExactNumber reports whether a client that reads a number of JSON as a double has the same number: the shortest text of
// the double next to it, which is what RFC 8785 writes, means the same. An id of 64 bits would come out as another one.
func ExactNumber(number string) bool {
	if len(number) <= 15 && !strings.ContainsAny(number, "eE") {
		return true // a double holds 15 digits
	}
	double, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return false
	}
	digits, exponent := decimal(number)
	held, heldExponent := decimal(strconv.FormatFloat(double, 'e', -1, 64))
	return digits == held && exponent == heldExponent
}

// decimal takes a number of JSON apart, without its sign: 0.digits times ten to the exponent. Digits neither begin nor
// end with 0; they are empty for 0.
func decimal(number string) (digits string, exponent int) {
	mantissa, power, _ := strings.Cut(strings.ToLower(strings.TrimLeft(number, "-")), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	leading := len(whole+fraction) - len(digits)
	if digits = strings.TrimRight(digits, "0"); digits == "" {
		return "", 0
	}
	shift, _ := strconv.Atoi(power) // out of range it is the largest int, which no double has
	return digits, len(whole) - leading + shift
}
