// Checks SARIF files against the schema that OASIS publishes, by another author's implementation.
package main

import (
	"fmt"
	"os"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

func main() {
	for _, path := range os.Args[1:] {
		report, err := sarif.Open(path, sarif.WithStrictValidation())
		if err != nil {
			fmt.Println(path, err)
			os.Exit(1)
		}
		results := 0
		for _, run := range report.Runs {
			results += len(run.Results)
		}
		if results == 0 {
			fmt.Println(path, "has no results: nothing was checked")
			os.Exit(1)
		}
		fmt.Println(path, results, "results, valid")
	}
}
