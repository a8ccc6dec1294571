// Command vectors answers: does a verifier give the right answers? It runs a program on
// every conformance vector and prints, for each, its id, what was wanted and what came:
//
//	go run ./test/vectors --program 'hallmark-verify'
//
// The program may be a command with arguments, split at spaces; docs/vectors.md says how
// it is asked. The exit code is 0 only if every answer agrees; a program that gives other
// reasons for the right verdicts passes with --any-reason.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/test/vectors/vector"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

// timeout is after how long a program counts as hanging. Every vector is judged in well
// under a second.
const timeout = time.Minute

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("vectors", flag.ContinueOnError)
	program := flags.String("program", "", "the `command` to ask, with its fixed arguments")
	root := flags.String("dir", "test/vectors/testdata/vectors", "the vectors' `folder`")
	anyReason := flags.Bool("any-reason", false, "other reasons for the right verdict are good enough")
	if err := flags.Parse(args); err != nil {
		return err
	}
	command := strings.Fields(*program)
	if len(command) == 0 {
		return errors.New("no --program")
	}
	list, err := vector.Load(*root)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "vectors")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	counts := map[vector.Result]int{}
	for _, v := range list {
		answer, err := ask(command, v, work)
		result := v.Judge(answer)
		counts[result]++
		note := ""
		if err != nil {
			note = " (" + err.Error() + ")"
		}
		fmt.Fprintf(out, "%-14s %s: want %s %v, got %s %v, exit %d%s\n", result, v.ID, v.Verdict, v.Codes, answer.Verdict, answer.Codes, answer.Exit, note)
	}
	return sum(out, counts, *anyReason)
}

// sum prints the counts and fails unless all is well.
func sum(out io.Writer, counts map[vector.Result]int, anyReason bool) error {
	total, bad := 0, 0
	for r := vector.Wrong; r <= vector.WrongAccept; r++ {
		fmt.Fprintf(out, "%-14s %d\n", r, counts[r])
		total += counts[r]
		if r != vector.Agrees && (r != vector.OtherReason || !anyReason) {
			bad += counts[r]
		}
	}
	fmt.Fprintf(out, "%-14s %d\n", "vectors", total)
	if bad > 0 {
		return fmt.Errorf("%d of %d answers differ", bad, total)
	}
	return nil
}

// ask runs the program once. A program that cannot be run, hangs or dies has no verdict.
func ask(command []string, v vector.Vector, work string) (vector.Answer, error) {
	v, err := v.Prepare(work)
	if err != nil {
		return vector.Answer{Exit: -1}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	c := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], v.Arguments()...)...)
	var stdout bytes.Buffer
	c.Stdout = &stdout
	err = c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return vector.Answer{Exit: -1}, err
	}
	return vector.ParseAnswer(stdout.Bytes(), c.ProcessState.ExitCode())
}
