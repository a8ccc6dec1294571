package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// startTimeout and stopTimeout bound what takes about a second.
	startTimeout = 30 * time.Second
	stopTimeout  = 30 * time.Second
	// healthInterval is how exactly the time to start is measured.
	healthInterval = 2 * time.Millisecond
)

// serving is a server process.
type serving struct {
	cmd    *exec.Cmd
	log    *os.File
	exited chan error // how it ended, once
}

// start runs 'hallmark serve' and returns how long it took until it answered.
func (a *authority) start(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(a.path("server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	// Not bound to ctx: stop lets it finish.
	cmd := exec.Command(a.program, "serve", "--dir", "ca", "--passphrase-file", "passphrase")
	cmd.Dir, cmd.Stdout, cmd.Stderr = a.dir, log, log
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, errors.Join(err, log.Close())
	}
	a.serving = &serving{cmd: cmd, log: log, exited: make(chan error, 1)}
	go func(s *serving) { s.exited <- s.cmd.Wait() }(a.serving)
	err = a.awaitHealth(ctx)
	return time.Since(begun), err
}

func (a *authority) awaitHealth(ctx context.Context) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	for {
		resp, err := client.Get(a.public + "/healthz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("the server did not answer within %s", startTimeout)
		case err := <-a.serving.exited:
			a.serving.exited <- err // for stop
			said, _ := os.ReadFile(a.serving.log.Name())
			return fmt.Errorf("the server ended: %v: %s", err, said)
		case <-time.After(healthInterval):
		}
	}
}

// stop ends the server as an administrator would, and returns when it is gone.
func (a *authority) stop() error {
	s := a.serving
	if s == nil {
		return nil
	}
	a.serving = nil
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil // it says why in exited
	}
	kill := time.AfterFunc(stopTimeout, func() { s.cmd.Process.Kill() })
	defer kill.Stop()
	return errors.Join(err, <-s.exited, s.log.Close())
}
