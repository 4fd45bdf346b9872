# shellcheck shell=bash
# Two machines on one network, for scripts that have lib.sh: that of a server and another one, with addresses of the Internet, since a
# server relays to no others. Nothing of them is in the network of this machine, and they end with the script.
#
#   lay_two_hosts            sets SERVER_ADDRESS; 77 and the reason where that can't be done
#   on_server COMMAND...     runs a command on the server's machine, which is descriptor 8
#   on_other COMMAND...      on the other one, descriptor 9

# shellcheck disable=SC2034
SERVER_ADDRESS=44.128.0.1 OTHER_ADDRESS=44.128.0.2

lay_two_hosts() {
  local server=turnpike-s$$ other=turnpike-o$$
  [ "$(id -u)" -eq 0 ] || { echo "this needs root" && return 77; }
  command -v ip > /dev/null || { echo "iproute2 is not installed" && return 77; }
  unshare -n true 2> /dev/null || { echo "network namespaces are not allowed here" && return 77; }
  ip netns add $server && ip netns add $other &&
    ip -n $server link add lan type veth peer name lan netns $other &&
    ip -n $server addr add $SERVER_ADDRESS/24 dev lan && ip -n $other addr add $OTHER_ADDRESS/24 dev lan &&
    ip -n $server link set lan up && ip -n $other link set lan up &&
    ip -n $server link set lo up && ip -n $other link set lo up &&
    exec 8< /run/netns/$server 9< /run/netns/$other
  local status=$?
  # Open descriptors are enough to keep them.
  ip netns del $server 2> /dev/null
  ip netns del $other 2> /dev/null
  return $status
}

on_server() { nsenter --net=/proc/self/fd/8 "$@"; }
on_other() { nsenter --net=/proc/self/fd/9 "$@"; }
