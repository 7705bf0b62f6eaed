package push

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// exactNumbers reports whether all numbers of a JSON text survive RFC 8785, which writes them as doubles: an id of 64
// bits would come out as another one. It says nothing about a text that is no JSON.
func exactNumbers(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return true // the end, or no JSON
		}
		if number, ok := token.(json.Number); ok && !exact(string(number)) {
			return false
		}
	}
}

// exact reports whether the shortest text of the double that is next to a number means the same number.
func exact(number string) bool {
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
