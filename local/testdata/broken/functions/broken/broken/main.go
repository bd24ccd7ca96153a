// Broken is a function that does not compile.
package main

func main() { missing() }
