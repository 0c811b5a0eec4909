package clip

// Name is name, for its fuzz test.
var Name = name
