// Package mounts gives tests of Linux file systems of their own, a small one that is soon full for example, whoever the
// user is, and a process of their own for limits that hold for a whole one. It holds no state; Inside runs the test
// program once more and waits for it.
package mounts
