package main

import "testing"

func TestIsGeneration(t *testing.T) {
	for name, want := range map[string]bool{"standard": true, "standard-2": true, "standard-12": true, "standard-1": false, "standard-x": false, "standardly": false, "high": false, "standard-by-root-2": false} {
		if isGeneration(name, "standard") != want {
			t.Errorf("%s: want %t", name, want)
		}
	}
}
