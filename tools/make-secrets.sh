#!/usr/bin/env bash
# Makes the secret files that docker-compose.yml mounts, in ./secrets, each from 256 random bits.
# An existing file is never overwritten: to rotate one, move it away first.
# The folder is closed to other accounts; the files in it are readable, because compose mounts them with their own
# mode and the processes inside run as accounts that do not exist out here.
set -euo pipefail
folder="${1:-$(dirname "$0")/../secrets}"
umask 077
mkdir -p "$folder"
cd "$folder"

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
keep_or_make() {
    if [ -e "$1" ]; then echo "kept  $1"; return; fi
    printf '%s' "$2" > "$1"
    chmod 0644 "$1"
    echo "made  $1"
}

keep_or_make token_key.txt "$(random)"
keep_or_make metrics_token.txt "$(random)"
keep_or_make postgres_password.txt "$(random)"
keep_or_make redis_password.txt "$(random)"
keep_or_make minio_root_user.txt "dastern-$(random | cut -c1-12)"
keep_or_make minio_root_password.txt "$(random)"
keep_or_make database_url.txt "postgresql://dastern:$(cat postgres_password.txt)@postgres:5432/dastern"
keep_or_make redis_url.txt "redis://:$(cat redis_password.txt)@redis:6379/0"
keep_or_make s3_url.txt "s3://$(cat minio_root_user.txt):$(cat minio_root_password.txt)@minio:9000/dastern?region=us-east-1&secure=false"
