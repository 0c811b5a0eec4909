// Package statetest holds the tests of package state that both databases must pass. Each is a function of an empty
// database, which it opens as often as it likes. Package state's own tests run them on SQLite, which needs no server,
// the tests here on PostgreSQL; a new one goes into both lists.
package statetest
