package app

import "github.com/hindsight-app/hindsight/capture/export"

// Worker makes this process the worker of an export if it was started as one, and then does not return. A program calls
// it before anything else.
func Worker() { export.Worker() }
