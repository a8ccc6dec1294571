package main

import (
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/sign/gate"
)

func TestGateConfig(t *testing.T) {
	good := gateConfig{Rules: []gate.RuleText{{Name: "young", CEL: `now - build.finished < duration("24h")`}}, RebuildQuorum: map[string]map[string]int{"slsa-v0.1/slsa": {"4": 3}}}
	if _, err := good.gate(time.Now); err != nil {
		t.Error(err)
	}
	for text, c := range map[string]gateConfig{
		"rule young":         {Rules: []gate.RuleText{{Name: "young", CEL: "no"}}},
		"is not FRAMEWORK":   {RebuildQuorum: map[string]map[string]int{"slsa-v0.1": {"4": 3}}},
		"numbers from 1 on":  {RebuildQuorum: map[string]map[string]int{"slsa-v0.1/slsa": {"four": 3}}},
		"\"4\": 0: both are": {RebuildQuorum: map[string]map[string]int{"slsa-v0.1/slsa": {"4": 0}}},
		"stands there twice": {Rules: []gate.RuleText{{Name: "a", CEL: "true"}, {Name: "a", CEL: "true"}}},
	} {
		if g, err := c.gate(time.Now); err == nil || g != nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
