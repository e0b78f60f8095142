// Vault for the test bed: what upstream builds with its tag "minimal" (no plugins of clouds and databases), and the
// Kubernetes auth method, which that tag leaves out, linked into the server.
package main

import (
	"os"

	"github.com/hashicorp/cli"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	keyvalue "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/plugin"
	"github.com/hashicorp/vault/command"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
)

func main() {
	words := os.Args[1:]
	if len(words) > 0 && words[0] == "server" {
		os.Exit(server().Run(words[1:]))
	}
	os.Exit(command.Run(words))
}

// The usual server command builds its own tables of plugins, so this one is put together by hand. What is not named here
// (token, userpass, approle, cert, jwt; pki, ssh, transit) comes from the registry that the tag leaves in.
func server() *command.ServerCommand {
	terminal := &cli.BasicUi{Reader: os.Stdin, Writer: os.Stdout, ErrorWriter: os.Stderr}
	return &command.ServerCommand{
		BaseCommand: &command.BaseCommand{UI: &command.VaultUI{Ui: terminal}},
		CredentialBackends: map[string]logical.Factory{
			"kubernetes": kubernetes.Factory,
			"plugin":     plugin.Factory,
		},
		LogicalBackends: map[string]logical.Factory{
			"kv":     keyvalue.Factory,
			"plugin": plugin.Factory,
		},
		AuditBackends: map[string]audit.Factory{"file": audit.NewFileBackend},
		PhysicalBackends: map[string]physical.Factory{
			"file":                   file.NewFileBackend,
			"inmem":                  inmem.NewInmem,
			"inmem_ha":               inmem.NewInmemHA,
			"inmem_transactional":    inmem.NewTransactionalInmem,
			"inmem_transactional_ha": inmem.NewTransactionalInmemHA,
		},
		ShutdownCh: command.MakeShutdownCh(),
		SighupCh:   command.MakeSighupCh(),
		SigUSR2Ch:  command.MakeSigUSR2Ch(),
	}
}
