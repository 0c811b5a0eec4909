// Package sharetest holds the tests of publish.Publisher with real LiveKit servers, apart from those of publish itself,
// which need none.
package sharetest
