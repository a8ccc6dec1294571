package server

import (
	"fmt"
	"strings"
	"testing"
)

// TestMetricLabels: what clients send never becomes a label. However many paths, methods
// and names are tried, the series are those of the routes that there are.
func TestMetricLabels(t *testing.T) {
	w := newWorld(t)
	series := func() map[string]bool {
		found := map[string]bool{}
		for line := range strings.Lines(string(w.do("olga", "GET", "/metrics", nil).body)) {
			if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "hallmark_") {
				found[name] = true
			}
		}
		return found
	}
	strange := func(i int) {
		for _, path := range []string{"/v1/vendors/x%d", "/v9/%d", "/%d", "/v1/certificates/%d?q=%[1]d", "/v1/assessments/a%d"} {
			w.do("olga", "GET", fmt.Sprintf(path, i), nil)
		}
		w.do("olga", fmt.Sprintf("METHOD%d", i), "/v1/vendors", nil)
	}
	strange(0)
	series() // the request for the metrics is one too
	before := series()
	for i := 1; i < 20; i++ {
		strange(i)
	}
	after := series()
	if len(before) == 0 || len(after) != len(before) {
		t.Errorf("%d series became %d", len(before), len(after))
	}
	for name := range after {
		if strings.Contains(name, "x7") || strings.Contains(name, "METHOD") {
			t.Errorf("series %s", name)
		}
	}
}
