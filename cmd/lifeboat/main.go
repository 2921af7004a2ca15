// Command lifeboat plans, carries out and proves the move of a streaming pipeline from one region to another.
package main

import "os"

func main() { os.Exit(Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
