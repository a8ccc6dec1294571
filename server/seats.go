package server

import "sync"

// seats bounds how many do something slow at once, all of them and those of one vendor:
// whoever sends slowly keeps others waiting only as far as its own share goes. The zero
// value is ready.
type seats struct {
	mu  sync.Mutex
	all int
	of  map[string]int
}

// take is false where there is no seat; otherwise leave gives it back, once.
func (s *seats) take(vendor string, most, each int) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= most || s.of[vendor] >= each {
		return nil, false
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.all++
	s.of[vendor]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.of[vendor]--; s.of[vendor] == 0 {
			delete(s.of, vendor)
		}
	}, true
}
