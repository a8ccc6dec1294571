package main

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/cmd/hallmark/demo"
	"github.com/urfave/cli/v2"
)

func (e *env) demoCommand() *cli.Command {
	return command(cli.Command{
		Name: "demo", Usage: "play the main job from end to end, in a scratch folder",
		Flags: []cli.Flag{&cli.StringFlag{Name: "dir", Usage: "an empty folder to keep (default: a temporary one, removed afterwards)"}},
		Description: `Makes a CA, enrols people, assesses a vendor, issues, signs, verifies, and shows what
is refused. Needs go, dpkg-deb, tar and openssl. Exits with 1 when any outcome is
not the expected one.

EXAMPLE: hallmark demo`,
	}, 0, 0, e.demo)
}

func (e *env) demo(c *cli.Context) error {
	binary, err := exec.LookPath(os.Args[0])
	if err != nil {
		return err
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	dir := c.String("dir")
	if dir == "" {
		if dir, err = os.MkdirTemp("", "hallmark-demo-*"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return demo.Run(c.Context, demo.Config{Binary: binary, Dir: dir, Out: e.stdout})
}
