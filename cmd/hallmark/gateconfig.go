package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/sign/gate"
)

// gateConfig is what the operator of the CA demands of every build, beside what
// assessments ask.
type gateConfig struct {
	// Rules in CEL: they can refuse what the gate would grant and nothing else. Each has a
	// name, an expression (cel), and with basic: true is asked before a provisional
	// signature as well. docs/evidence.md has the variables.
	Rules []gate.RuleText `yaml:"rules,omitempty"`
	// RebuildQuorum is how many operators must have reproduced a build, by
	// "<framework>/<track>" and level; a level that is not listed has the number of the
	// next lower one. Default: 2 at the highest level of a track, 1 below. A wrong number
	// costs builds that are refused, or a reproducibility that one operator vouches for.
	RebuildQuorum map[string]map[string]int `yaml:"rebuild_quorum,omitempty"`
}

// gate makes the gate of this configuration.
func (c gateConfig) gate(now func() time.Time) (*gate.Gate, error) {
	rules, err := gate.NewRules(c.Rules)
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	policy := gate.Policy{Quorum: map[string]map[int]int{}}
	for track, levels := range c.RebuildQuorum {
		if framework, name, ok := strings.Cut(track, "/"); !ok || framework == "" || name == "" {
			return nil, fmt.Errorf("gate: rebuild_quorum: %q is not FRAMEWORK/TRACK", track)
		}
		policy.Quorum[track] = map[int]int{}
		for text, n := range levels {
			level, err := strconv.Atoi(text)
			if err != nil || level < 1 || n < 1 {
				return nil, fmt.Errorf("gate: rebuild_quorum: %s: level %q: %d: both are numbers from 1 on", track, text, n)
			}
			policy.Quorum[track][level] = n
		}
	}
	return gate.New(gate.Config{Policy: policy, Rules: rules, Now: now}), nil
}
