#!/bin/sh
# A CA and a serving certificate in certs/out. Takes the flags of `vault-auth-injector certs`; needs a build (`node build.mjs`).
exec node "$(dirname "$0")/../dist/vault-auth-injector.js" certs -out "$(dirname "$0")/out" "$@"
