package main

import (
	"context"
	"fmt"
)

const (
	smallFile = 4 << 10
	largeFile = 10 << 20
)

// hashFloor is how near any verifier in Go can come: a program that hashes the file
// and does nothing else, beside gpgv, which also hashes it and checks one signature.
func hashFloor(ctx context.Context, l *lab) ([]measurement, error) {
	hasher, err := l.hasher()
	if err != nil {
		return nil, err
	}
	var all []measurement
	for _, size := range []int{smallFile, largeFile} {
		file, err := l.randomFile(fmt.Sprintf("floor-%d", size), size)
		if err != nil {
			return nil, err
		}
		gpgv, err := l.gpgvOf(file)
		if err != nil {
			return nil, err
		}
		hash := process(fmt.Sprintf("hash only, %d KB", size>>10), hasher, file)
		took, err := takeTurns(ctx, l.rounds, hash, gpgv)
		if err != nil {
			return nil, err
		}
		all = append(all, slower(hash, took[0], gpgv, took[1], goal{}))
	}
	return all, nil
}
