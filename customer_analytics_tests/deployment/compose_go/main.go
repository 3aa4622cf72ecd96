// Loads a compose file as `docker compose` does (compose-go is what it is made of) and prints the model as JSON:
// composeload FILE [PROFILE...]. Variables come from the environment.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

func main() {
	environment := types.Mapping{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		environment[name] = value
	}
	details := types.ConfigDetails{
		WorkingDir:  filepath.Dir(os.Args[1]),
		ConfigFiles: []types.ConfigFile{{Filename: os.Args[1]}},
		Environment: environment,
	}
	project, err := loader.LoadWithContext(context.Background(), details, loader.WithProfiles(os.Args[2:]))
	if err == nil {
		var text []byte
		if text, err = project.MarshalJSON(); err == nil {
			fmt.Println(string(text))
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
