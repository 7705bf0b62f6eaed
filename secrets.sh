#!/bin/sh
# Makes the passwords that docker-compose.yml hands to the containers, in secrets/. What is there already stays: the
# databases know it.
set -eu
cd "$(dirname "$0")"
umask 022 # the containers' users are others than yours; the folder keeps everybody else out
mkdir -p -m 0700 secrets
echo '*' >secrets/.gitignore

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

if [ ! -e secrets/database_url.txt ]; then
	owner=$(random)
	echo "$owner" >secrets/database_owner_password.txt
	echo "postgres://postgres:$owner@postgres:5432/annals" >secrets/database_owner_url.txt
	echo "postgres://annals:$(random)@postgres:5432/annals" >secrets/database_url.txt
fi
[ -e secrets/meili_api_key.txt ] || random >secrets/meili_api_key.txt
