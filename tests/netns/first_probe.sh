#!/usr/bin/env bash
# What README.md promises: etc/quickstart.sh on one machine, and the line that it prints passes on another one, under the policy that
# a server has when nobody sets it. On its own machine the line tells what it could not test, and where to run it.
# Needs the two machines of two_hosts.sh, and a build.
cd "$(dirname "$0")/../.." || exit 1
. tests/netns/two_hosts.sh

printed=$(on_server etc/quickstart.sh --no-install --background < /dev/null) || exit 1
line=$(tail -n 1 <<< "$printed")
echo "$line"
case $line in *" probe --host $SERVER_ADDRESS --port 3478 "*) ;; *) echo "this is no probe line for $SERVER_ADDRESS" && exit 1 ;; esac

eval "on_other timeout 30 $line"
elsewhere=$?
said=$(eval "on_server timeout 30 $line")
here=$?
echo "$said"
etc/quickstart.sh --stop
echo "from another machine: exit code $elsewhere; from its own: $here"
[ "$elsewhere" -eq 0 ] && [ "$here" -eq 3 ] && grep -q "^  turnpike probe --host $SERVER_ADDRESS " <<< "$said"
