package graph

import "time"

// Impatient makes a server wait no longer than these: for an operation, for connection_init, between pings, for a write
// and for the answer to a close.
func (s *Server) Impatient(operation, init, ping, write, closing time.Duration) {
	s.times = times{operation: operation, init: init, ping: ping, write: write, close: closing}
}

// OpenSockets is the number of websockets that a server has open.
func (s *Server) OpenSockets() int {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	return len(s.sockets.open)
}
