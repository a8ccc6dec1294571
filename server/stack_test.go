package server

import "testing"

func TestMakeRoom(t *testing.T) {
	if makeRoom(false) != 0 || makeRoom(true) != stackRoom/2%256 {
		t.Error("not the frame that was to be there")
	}
}
