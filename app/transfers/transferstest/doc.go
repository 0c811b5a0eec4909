// Package transferstest holds the tests of package transfers with a real service, apart from those of the package
// itself, which need none.
package transferstest
