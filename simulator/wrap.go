package simulator

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Refuse writes a vendor's answer for one of the faults before the handler. wait is how long TooManyRequests and
// LimitedAs403 keep requests out.
type Refuse func(w http.ResponseWriter, fault Fault, wait time.Duration)

// Wrap puts the faults of the transport around a vendor's handler, and packs answers with gzip for who accepts it. A
// vendor whose errors look like RefusePlainly's passes that.
func (f *Faults) Wrap(next http.Handler, refuse Refuse) http.Handler {
	packers := sync.Pool{New: func() any { return gzip.NewWriter(nil) }} // each is nearly a megabyte
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.refused(w, refuse) {
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		header := w.Header()
		maps.Copy(header, answer.Header())
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(body) > 0 {
			packer := packers.Get().(*gzip.Writer)
			body = packWith(packer, body)
			packers.Put(packer)
			header.Set("Content-Encoding", "gzip")
		}
		header.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.Code)
		f.send(w, r, body)
	})
}

// refused answers a request by a fault, or because a rate limit holds on.
func (f *Faults) refused(w http.ResponseWriter, refuse Refuse) bool {
	if f == nil {
		return false
	}
	if wait := f.holding(); wait > 0 {
		refuse(w, TooManyRequests, wait)
		return true
	}
	for _, fault := range []Fault{TooManyRequests, TooManySilent, LimitedAs403, TokenExpired, ServerError} {
		if f.Hits(fault) {
			refuse(w, fault, f.hold(fault))
			return true
		}
	}
	return false
}

// holding is how long the last rate limit still holds, rounded up to whole seconds.
func (f *Faults) holding() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := f.closed.Sub(f.now())
	if left <= 0 {
		return 0
	}
	f.early++
	return (left + time.Second - 1).Truncate(time.Second)
}

// hold begins a rate limit of 1 to 60 seconds if the fault is one that says so.
func (f *Faults) hold(fault Fault) time.Duration {
	if fault != TooManyRequests && fault != LimitedAs403 {
		return 0
	}
	wait := time.Duration(1+f.below(fault, 60)) * time.Second
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = f.now().Add(wait)
	return wait
}

// send writes a body, slowly under SlowBody, half of it under CutBody.
func (f *Faults) send(w http.ResponseWriter, r *http.Request, body []byte) {
	if len(body) > 1 && f.Hits(CutBody) {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if !f.Hits(SlowBody) {
		_, _ = w.Write(body)
		return
	}
	const pieces, pause = 4, 5 * time.Millisecond
	size := len(body)/pieces + 1
	for len(body) > 0 {
		n := min(size, len(body))
		_, _ = w.Write(body[:n])
		_ = http.NewResponseController(w).Flush()
		body = body[n:]
		select {
		case <-r.Context().Done():
			return
		case <-time.After(pause):
		}
	}
}

// RefusePlainly answers like most REST APIs: Retry-After in seconds, X-RateLimit-Reset in seconds from now for a 403, a JSON
// object with a message.
func RefusePlainly(w http.ResponseWriter, fault Fault, wait time.Duration) {
	status := http.StatusServiceUnavailable
	seconds := strconv.Itoa(int(wait / time.Second))
	switch fault {
	case TooManyRequests:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", seconds)
	case TooManySilent:
		status = http.StatusTooManyRequests
	case LimitedAs403:
		status = http.StatusForbidden
		w.Header().Set("X-RateLimit-Remaining", "0")
		w.Header().Set("X-RateLimit-Reset", seconds)
	case TokenExpired:
		status = http.StatusUnauthorized
	default: // the server's own trouble
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message":%q}`, http.StatusText(status))
}

func pack(body []byte) []byte { return packWith(gzip.NewWriter(nil), body) }

func packWith(packer *gzip.Writer, body []byte) []byte {
	var packed bytes.Buffer
	packer.Reset(&packed)
	_, _ = packer.Write(body)
	_ = packer.Close()
	return packed.Bytes()
}
