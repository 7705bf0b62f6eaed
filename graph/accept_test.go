package graph

import "testing"

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		accept      []string
		contentType string
		onlyJSON    bool
		acceptable  bool
	}{
		{nil, typeJSON, false, true},
		{[]string{"*/*"}, typeJSON, false, true},
		{[]string{"application/*"}, typeJSON, false, true},
		{[]string{"application/json"}, typeJSON, true, true},
		{[]string{"Application/JSON; charset=utf-8"}, typeJSON, true, true},
		{[]string{"application/json, multipart/mixed"}, typeJSON, true, true},
		{[]string{"application/json, text/plain, */*"}, typeJSON, false, true},
		{[]string{"application/graphql-response+json"}, typeResponse, false, true},
		{[]string{"application/graphql-response+json, application/json"}, typeResponse, false, true},
		{[]string{"application/json, application/graphql-response+json"}, typeResponse, false, true},
		{[]string{"application/json", "application/graphql-response+json"}, typeResponse, false, true},
		{[]string{"application/graphql-response+json;q=0.5, application/json;q=0.9"}, typeJSON, false, true},
		{[]string{"application/graphql-response+json;q=0, application/json"}, typeJSON, true, true},
		{[]string{"application/json;q=0, */*"}, typeResponse, false, true},
		{[]string{"text/html"}, typeJSON, false, false},
		{[]string{"application/json;q=0"}, typeJSON, false, false},
		{[]string{"application/json;q=7, ;;;,"}, typeJSON, false, false},
	} {
		got, acceptable := negotiate(test.accept)
		want := media{contentType: test.contentType, onlyJSON: test.onlyJSON}
		if got != want || acceptable != test.acceptable {
			t.Errorf("%q: got %+v %v, want %+v %v", test.accept, got, acceptable, want, test.acceptable)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for c, want := range map[code][2]int{ // for everybody, for clients of application/json alone
		codeUnauthenticated:  {401, 401},
		codeForbidden:        {403, 200},
		codeRateLimited:      {429, 429},
		codeUnavailable:      {503, 503},
		codeInternal:         {500, 500},
		codeParseFailed:      {400, 200},
		codeValidationFailed: {400, 200},
		codeBadUserInput:     {400, 200},
		codeTooComplex:       {400, 200},
		codePersisted:        {400, 200},
	} {
		if got := [2]int{media{}.status(c), media{onlyJSON: true}.status(c)}; got != want {
			t.Errorf("%s: got %v, want %v", c, got, want)
		}
	}
}
