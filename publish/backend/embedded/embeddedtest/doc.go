// Package embeddedtest holds the tests of package embedded with real LiveKit servers, apart from those of the package
// itself, which need none.
package embeddedtest
