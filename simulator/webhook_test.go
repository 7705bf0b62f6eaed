package simulator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// sink takes deliveries whose header says that they are genuine.
func sink(t *testing.T, accepts func(genuine bool) int) (*httptest.Server, *[]string) {
	t.Helper()
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		genuine := r.Header.Get("X-Signature") == "right"
		if genuine {
			bodies = append(bodies, string(body))
		}
		w.WriteHeader(accepts(genuine))
	}))
	t.Cleanup(server.Close)
	return server, &bodies
}

func onlyGenuine(genuine bool) int {
	if genuine {
		return http.StatusNoContent
	}
	return http.StatusUnauthorized
}

func tenDeliveries() []Delivery {
	deliveries := make([]Delivery, 10)
	for i := range deliveries {
		deliveries[i] = Delivery{Header: http.Header{"X-Signature": {"right"}}, Body: fmt.Append(nil, i)}
	}
	return deliveries
}

func forged(d Delivery) Delivery {
	return Delivery{Header: http.Header{"X-Signature": {"wrong"}}, Body: d.Body}
}

func TestSend(t *testing.T) {
	t.Parallel()
	inOrder := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	for _, fault := range []Fault{"", WrongSignature, Replay, OutOfOrder} {
		server, bodies := sink(t, onlyGenuine)
		faults := NewFaults(1, testClock, map[Fault]float64{fault: 0.5})
		if err := faults.Send(t.Context(), server.Client(), server.URL, tenDeliveries(), forged); err != nil {
			t.Errorf("%q: %v", fault, err)
		}
		if same := slices.Equal(*bodies, inOrder); same != (fault == "" || fault == WrongSignature) {
			t.Errorf("%q: got %v", fault, *bodies)
		}
		distinct := slices.Compact(slices.Sorted(slices.Values(*bodies)))
		if !slices.Equal(distinct, inOrder) || len(*bodies)-len(distinct) != faults.Happened(Replay) {
			t.Errorf("%q: got %v", fault, *bodies)
		}
		if fault != "" && faults.Happened(fault) == 0 {
			t.Errorf("%q never happened", fault)
		}
	}
}

func TestSendTellsWhatWentWrong(t *testing.T) {
	t.Parallel()
	faults := NewFaults(1, testClock, map[Fault]float64{WrongSignature: 1})
	trusting, _ := sink(t, func(bool) int { return http.StatusOK })
	err := faults.Send(t.Context(), trusting.Client(), trusting.URL, tenDeliveries(), forged)
	if err == nil || !strings.Contains(err.Error(), "it was accepted with status 200") {
		t.Errorf("a forged one: %v", err)
	}
	broken, _ := sink(t, func(bool) int { return http.StatusInternalServerError })
	if err := faults.Send(t.Context(), broken.Client(), broken.URL, tenDeliveries(), nil); err == nil || !strings.Contains(err.Error(), "status 500") {
		t.Errorf("a refused one: %v", err)
	}
	gone, _ := sink(t, onlyGenuine)
	gone.Close()
	if err := faults.Send(t.Context(), gone.Client(), gone.URL, tenDeliveries(), forged); err == nil {
		t.Error("nobody was there")
	}
	if err := (*Faults)(nil).Send(t.Context(), gone.Client(), "://", tenDeliveries(), nil); err == nil {
		t.Error("there was no address")
	}
}
