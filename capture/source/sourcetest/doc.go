// Package sourcetest holds the tests of package source with real sound servers and desktops, apart from those of source
// itself, which need none. Voice is for both.
package sourcetest
