// Command report answers, at the end of a long test run: what failed, what was
// skipped and why, and what took the time?
//
// It reads the event stream of `go test -json` on standard input, passes on one line
// for each package and the whole output of each test that fails, and closes with a
// summary. It exits 1 if anything failed, and also if no test ran at all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"
)

const (
	// maxLine bounds one line of the stream; a test that prints a dump in one line makes long ones.
	maxLine = 16 << 20
	// slowest is how many tests the summary names.
	slowest = 5
	// slowAfter hides tests that nobody would call slow.
	slowAfter = time.Second
)

func main() {
	ok, err := run(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// event is one line of `go test -json` (see `go doc test2json`).
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

type test struct {
	name    string
	elapsed time.Duration
	reason  string
}

// summary collects what the closing lines say.
type summary struct {
	passed, failed int
	skipped, timed []test
	broken         []string        // packages that failed
	judged         map[string]bool // packages with a test that failed
	output         map[string][]string
}

func run(in io.Reader, out io.Writer) (bool, error) {
	s := summary{output: make(map[string][]string), judged: make(map[string]bool)}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Action == "" {
			// Not an event: what the go command itself prints, such as a download.
			fmt.Fprintf(out, "%s\n", lines.Bytes())
			continue
		}
		s.add(e, out)
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("read test events: %w", err)
	}
	s.print(out)
	return s.failed == 0 && len(s.broken) == 0 && s.passed > 0, nil
}

func (s *summary) add(e event, out io.Writer) {
	key := e.Package + " " + e.Test
	name := strings.TrimSpace(e.Package[strings.LastIndex(e.Package, "/")+1:] + " " + e.Test)
	elapsed := time.Duration(e.Elapsed * float64(time.Second))
	switch e.Action {
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "pass", "skip", "fail":
		if e.Test == "" {
			s.addPackage(e, out)
			return
		}
		s.judged[e.Package] = s.judged[e.Package] || e.Action == "fail"
		s.addTest(e.Action, test{name: name, elapsed: elapsed}, s.output[key], out)
		delete(s.output, key)
	}
}

func (s *summary) addTest(action string, t test, output []string, out io.Writer) {
	switch action {
	case "pass":
		s.passed++
	case "skip":
		t.reason = skipReason(output)
		s.skipped = append(s.skipped, t)
	case "fail":
		s.failed++
		fmt.Fprint(out, strings.Join(output, ""))
	}
	if t.elapsed >= slowAfter && !strings.Contains(t.name, "/") {
		s.timed = append(s.timed, t)
	}
}

func (s *summary) addPackage(e event, out io.Writer) {
	lines := s.output[e.Package+" "]
	if e.Action == "fail" {
		s.broken = append(s.broken, e.Package)
		fmt.Fprint(out, strings.Join(lines, ""))
		// A panic or a timeout ends the binary without a verdict on the tests then running.
		for key, rest := range s.output {
			if strings.HasPrefix(key, e.Package+" ") && key != e.Package+" " {
				fmt.Fprint(out, strings.Join(rest, ""))
			}
		}
		return
	}
	// The last line is the go command's own: "ok", the package, the time; or "no test files".
	if len(lines) > 0 && !strings.Contains(lines[len(lines)-1], "[no test files]") {
		fmt.Fprint(out, lines[len(lines)-1])
	}
}

// skipReason is the text a test gave to t.Skip: the indented lines before "--- SKIP".
func skipReason(output []string) string {
	var reason []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			reason = append(reason, line)
		}
	}
	return strings.Join(reason, " ")
}

func (s *summary) print(out io.Writer) {
	fmt.Fprintln(out)
	sort.Slice(s.timed, func(i, j int) bool { return s.timed[i].elapsed > s.timed[j].elapsed })
	for i, t := range s.timed {
		if i == slowest {
			break
		}
		fmt.Fprintf(out, "slow     %6.1fs %s\n", t.elapsed.Seconds(), t.name)
	}
	for _, t := range s.skipped {
		fmt.Fprintf(out, "skipped  %s: %s\n", t.name, t.reason)
	}
	for _, name := range s.broken {
		fmt.Fprintf(out, "failed   %s\n", name)
	}
	// A package that does not build, or dies before a verdict, counts as one.
	failed := s.failed
	for _, name := range s.broken {
		if !s.judged[name] {
			failed++
		}
	}
	if s.passed == 0 && failed == 0 {
		fmt.Fprintln(out, "no test ran")
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", s.passed, failed, len(s.skipped))
}
