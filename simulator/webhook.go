package simulator

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// Delivery is one webhook request of a simulated vendor.
type Delivery struct {
	Header http.Header
	Body   []byte
}

// Send posts deliveries to an address, in their order, and gives the first answer that is no 2xx as an error. Under
// OutOfOrder neighbours are swapped, under Replay a delivery is sent again, and under WrongSignature forge's version
// of it is sent before, whose answer must not be 2xx. forge may be nil.
func (f *Faults) Send(
	ctx context.Context, client *http.Client, url string, deliveries []Delivery, forge func(Delivery) Delivery,
) error {
	for _, d := range f.arrange(deliveries) {
		if forge != nil && f.Hits(WrongSignature) {
			status, err := post(ctx, client, url, forge(d))
			if err != nil {
				return err
			}
			if status/100 == 2 {
				return fmt.Errorf("sending forged webhook: it was accepted with status %d", status)
			}
		}
		status, err := post(ctx, client, url, d)
		if err != nil {
			return err
		}
		if status/100 != 2 {
			return fmt.Errorf("sending webhook: status %d", status)
		}
	}
	return nil
}

func (f *Faults) arrange(deliveries []Delivery) []Delivery {
	var arranged []Delivery
	for _, d := range deliveries {
		arranged = append(arranged, d)
		if n := len(arranged); n > 1 && f.Hits(OutOfOrder) {
			arranged[n-1], arranged[n-2] = arranged[n-2], arranged[n-1]
		}
		if f.Hits(Replay) {
			arranged = append(arranged, d)
		}
	}
	return arranged
}

func post(ctx context.Context, client *http.Client, url string, d Delivery) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.Body))
	if err != nil {
		return 0, fmt.Errorf("sending webhook: %w", err)
	}
	r.Header = d.Header.Clone()
	answer, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("sending webhook: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, nil
}
