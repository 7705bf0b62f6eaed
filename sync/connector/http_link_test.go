package connector

import (
	"net/http"
	"net/url"
	"testing"
)

func TestNextLink(t *testing.T) {
	t.Parallel()
	const fine Class = -1
	const next = "https://api.example.com/records?page=2"
	tests := map[string]struct {
		links []string
		want  string
		class Class
	}{
		"none":                       {nil, "", fine},
		"empty":                      {[]string{""}, "", fine},
		"another relation":           {[]string{`<https://api.example.com/>; rel="prev"`}, "", fine},
		"next":                       {[]string{`<` + next + `>; rel="next"`}, next, fine},
		"next without quotes":        {[]string{`<` + next + `>; rel=next`}, next, fine},
		"next in upper case":         {[]string{`<` + next + `>; REL="NEXT"`}, next, fine},
		"no spaces":                  {[]string{`<` + next + `>;rel="next"`}, next, fine},
		"many spaces":                {[]string{`  <` + next + `>  ;  rel  =  "next"  `}, next, fine},
		"several relations":          {[]string{`<` + next + `>; rel="last  next"`}, next, fine},
		"a relation that begins so":  {[]string{`<` + next + `>; rel="next-archive"`}, "", fine},
		"other parameters":           {[]string{`<` + next + `>; title="a;b,c=\"<d>"; type=text/html; rel="next"; x`}, next, fine},
		"the first rel counts":       {[]string{`<` + next + `>; rel="prev"; rel="next"`}, "", fine},
		"rel in another's value":     {[]string{`<` + next + `>; title="rel=next"`}, "", fine},
		"second in a list":           {[]string{`<https://other.example/?a,b>; rel="first", <` + next + `>; rel="next"`}, next, fine},
		"second header":              {[]string{`<https://api.example.com/>; rel="self"`, `<` + next + `>; rel="next"`}, next, fine},
		"relative":                   {[]string{`</records?page=2>; rel="next"`}, next, fine},
		"relative query":             {[]string{`<?page=2>; rel="next"`}, next, fine},
		"explicit port":              {[]string{`<https://api.example.com:443/records?page=2>; rel="next"`}, "https://api.example.com:443/records?page=2", fine},
		"upper-case host":            {[]string{`<HTTPS://API.EXAMPLE.COM/x>; rel="next"`}, "https://API.EXAMPLE.COM/x", fine},
		"fragment":                   {[]string{`<` + next + `#there>; rel="next"`}, next, fine},
		"another host":               {[]string{`<https://other.example/records>; rel="next"`}, "", AddressRefused},
		"a host below":               {[]string{`<https://x.api.example.com/records>; rel="next"`}, "", AddressRefused},
		"a host that begins so":      {[]string{`<https://api.example.com.other.example/>; rel="next"`}, "", AddressRefused},
		"the host as user":           {[]string{`<https://api.example.com@other.example/>; rel="next"`}, "", AddressRefused},
		"a user":                     {[]string{`<https://u:p@api.example.com/>; rel="next"`}, "", AddressRefused},
		"another scheme":             {[]string{`<http://api.example.com/records>; rel="next"`}, "", AddressRefused},
		"another port":               {[]string{`<https://api.example.com:8443/records>; rel="next"`}, "", AddressRefused},
		"host without scheme":        {[]string{`<//other.example/records>; rel="next"`}, "", AddressRefused},
		"host by backslashes":        {[]string{`<\\other.example/records>; rel="next"`}, "https://api.example.com/%5C%5Cother.example/records", fine},
		"no address":                 {[]string{`<https://api.example.com/%zz>; rel="next"`}, "", Malformed},
		"opaque":                     {[]string{`<javascript:alert(1)>; rel="next"`}, "", AddressRefused},
		"never closed":               {[]string{`<` + next}, "", fine},
		"a value that never ends":    {[]string{`<` + next + `>; rel="next`}, "", fine},
		"a value that ends escaping": {[]string{`<` + next + `>; rel="next\`}, "", fine},
		"parameters alone":           {[]string{`rel="next"`}, "", fine},
	}
	base, err := url.Parse("https://api.example.com/v3")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := &Answer{Header: http.Header{"Link": test.links}, URL: base.JoinPath("/../records")}
			got, err := NextLink(answer, base)
			if err == nil && test.class != fine || err != nil && ClassOf(err) != test.class || got != test.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func FuzzNextLink(f *testing.F) {
	for _, seed := range []string{`<a>; rel="next"`, `<a>;rel=next,<b>;x="\"`, `<>;;;,,=<`, `<a`} {
		f.Add(seed)
	}
	base := &url.URL{Scheme: "https", Host: "api.example.com", Path: "/"}
	f.Fuzz(func(t *testing.T, header string) {
		next, err := NextLink(&Answer{Header: http.Header{"Link": {header}}, URL: base}, base)
		if err != nil || next == "" {
			return
		}
		if target, err := url.Parse(next); err != nil || !sameHost(base, target) {
			t.Errorf("%q leads to %q, %v", header, next, err)
		}
	})
}
