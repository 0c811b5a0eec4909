// Package x11test holds the tests of package x11 on real X servers, apart from those of the package itself, which need
// none.
package x11test
