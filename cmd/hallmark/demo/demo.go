// Package demo plays hallmark's main job from end to end, with the commands that
// people would type, and checks every outcome: what happens between an audit and
// a refused package?
//
// It is the body of 'hallmark demo' and, because it fails on the first outcome
// that is not the expected one, also the project's broadest test.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Config says where and how to play.
type Config struct {
	Binary string    // the hallmark program
	Dir    string    // an existing, empty folder
	Out    io.Writer // the narration
}

// act is one chapter of the story.
type act struct {
	title string
	play  func(context.Context, *stage) error
}

// acts are played in this order; each builds on the ones before.
var acts = []act{
	{"The administrator makes a CA and starts it", foundCA},
	{"An officer, an auditor and two vendors enrol", enrolPeople},
	{"The auditor assesses Acme against SLSA v0.1", assessAcme},
	{"Only what was assessed is certified", issueCertificate},
	{"Acme builds a package, and proves how", buildPackage},
	{"Acme signs, and an installer verifies", signAndVerify},
	{"Rebuilders of two other organisations", startRebuilders},
	{"A good build is signed at once, and confirmed", goodBuild},
	{"A compromised builder is found out, its build revoked", tamperedBuild},
	{"Six things an installer refuses", refuseSix},
	{"Unchanged tools read the same mark", unchangedTools},
}

// Run plays all acts. It returns an error at the first outcome that is not the
// expected one. The server it starts has stopped when it returns.
func Run(ctx context.Context, c Config) (err error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	start := time.Now()
	s := &stage{out: c.Out, binary: c.Binary, dir: dir, captured: map[string]string{}}
	defer func() { err = errors.Join(err, s.stopRebuilders(), s.stopServer()) }()
	s.say("hallmark demo: from an audit to a refused package. Everything happens in\n%s", dir)
	for i, a := range acts {
		s.say("\n── %d. %s %s", i+1, a.title, rule(a.title))
		if err := a.play(ctx, s); err != nil {
			return fmt.Errorf("act %d, %s: %w", i+1, a.title, err)
		}
	}
	s.say("\nAll %d outcomes were the expected ones, in %.0f s.", s.checked, time.Since(start).Seconds())
	return nil
}

// rule fills a headline up to a common width.
func rule(title string) string {
	const width = 66
	out := ""
	for i := len(title); i < width; i++ {
		out += "─"
	}
	return out
}
