"""NATs in network namespaces: a client behind a router of a chosen kind, servers and peers on a small Internet.

     client 192.168.77.100 -- [router] 203.0.113.1 --+
     client 192.168.78.100 -- [router] 203.0.113.2 --+-- internet: .10 .11 (pair) .12 (single) .20 .21 (peers)
                                                         .13 never answers

No end of any link is in the host's own namespace, and everything goes with Bed.close(), whatever happened before.
The rules follow RFC 4787: `mapping` and `filtering` are each "ei", "ad" or "apd" (endpoint-independent,
address-dependent, address and port-dependent).
"""

import atexit
import ipaddress
import os
import signal
import subprocess
import tempfile

PAIR = ("203.0.113.10", "203.0.113.11")
SINGLE = "203.0.113.12"
BLACK_HOLE = "203.0.113.13"
PEERS = ("203.0.113.20", "203.0.113.21")
PORT, OTHER_PORT = 3478, 3479
# A port of the public address for each mapping, one after another: with random ones two mappings would now and then share
# one, which no router allows, and then the kernel drops what has the same port, peer and protocol. It reads the number's
# bytes the other way round, so neighbours are far apart.
NEXT_PORT = "numgen inc mod 20000 offset 20000"
V6_NET = "2001:db8:77::"
V6_PAIR = ("2001:db8:1::10", "2001:db8:1::11")

_open_beds = []


def run(*command, check=True, stdin=None, timeout=30):
    done = subprocess.run(command, input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, timeout=timeout)
    if check and done.returncode:
        raise RuntimeError("%s\n%s%s" % (" ".join(command), done.stdout, stdin or ""))
    return done.stdout


def unusable():
    """Why there can be no beds here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("ip", "nft", "conntrack"):
        if subprocess.run(["sh", "-c", "command -v " + tool], stdout=subprocess.DEVNULL, check=False).returncode:
            return tool + " is not installed"
    probe = "tp%d-probe" % os.getpid()
    if subprocess.run(["ip", "netns", "add", probe], stderr=subprocess.DEVNULL, check=False).returncode:
        return "network namespaces are not allowed here"
    try:
        done = subprocess.run(["ip", "netns", "exec", probe, "nft", "-f", "-"], input="table ip t { chain c { type nat "
                              "hook postrouting priority 100; masquerade\n}\n}\n", text=True, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        return "the kernel has no nftables NAT" if done.returncode else None
    finally:
        run("ip", "netns", "del", probe, check=False)


class Nat:
    """What a router does. mapping None: it routes and translates nothing."""

    def __init__(self, mapping=None, filtering="ei", preserve=False, hairpin=False, loss=0, timeout=60, block_udp=False,
                 rewrite=None, sip_helper=False, forward=None):
        self.mapping, self.filtering, self.preserve, self.hairpin = mapping, filtering, preserve, hairpin
        self.loss, self.timeout, self.block_udp = loss, timeout, block_udp
        self.rewrite, self.sip_helper, self.forward = rewrite, sip_helper, forward

    def rules(self, wan_ip, wan="wan", lan="lan"):
        if self.mapping is None:
            nat = ""
        else:
            nat = self._nat(wan_ip, wan, lan)
        forward = ""
        if self.loss:
            forward += "numgen random mod 100 < %d drop\n" % self.loss
        if self.block_udp:
            forward += "meta l4proto udp drop\n"
        if self.mapping is None and self.filtering != "ei":
            if self.filtering == "ad":
                # A stateful firewall that remembers the addresses that a port spoke to.
                for proto in ("udp", "tcp"):
                    nat += """set heard_%s { type ipv4_addr . inet_service . ipv4_addr; flags dynamic,timeout;
                        timeout %ds; }
                        """ % (proto, self.timeout)
                    forward += """iifname "%(lan)s" meta l4proto %(p)s update @heard_%(p)s { ip saddr . %(p)s sport . ip daddr }
                        iifname "%(wan)s" ip daddr . %(p)s dport . ip saddr @heard_%(p)s accept
                        """ % {"lan": lan, "wan": wan, "p": proto}
            forward += """ct state established,related accept
                iifname "%s" ct state new drop
                """ % wan
        rewrite = ""
        if self.rewrite:
            # What a gateway does that knows the plain MAPPED-ADDRESS and not its successor.
            rewrite = """chain rewrite { type filter hook prerouting priority -300;
                iifname "%s" udp sport %d @th,320,16 0x0001 @th,384,32 set %s udp checksum set 0
                }""" % (wan, PORT, "0x" + ipaddress.ip_address(self.rewrite).packed.hex())
        helper = ""
        if self.sip_helper:
            helper = """ct helper sip { type "sip" protocol udp; l3proto ip; }
                chain helper { type filter hook forward priority 0; udp dport 5060 ct helper set "sip"
                udp sport 5060 ct helper set "sip"
                }"""
        return """table ip nat {
            %s
            chain forward { type filter hook forward priority 10;
            %s }
            %s
            %s
        }""" % (nat, forward, rewrite, helper)

    def _nat(self, wan_ip, wan, lan):
        parts = []
        post, pre, note = "", "", ""
        for proto in ("udp", "tcp"):
            key = "ipv4_addr . inet_service" + (" . ipv4_addr" if self.mapping == "ad" else "")
            here = "ip saddr . %s sport" % proto + (" . ip daddr" if self.mapping == "ad" else "")
            there = "ct original ip saddr . ct original proto-src" + (
                " . ct original ip daddr" if self.mapping == "ad" else "")
            parts.append("""map inside_%s { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout;
                timeout %ds; }""" % (proto, self.timeout))
            parts.append("set heard_%s { type inet_service . ipv4_addr; flags dynamic,timeout; timeout %ds; }" % (
                proto, self.timeout))
            parts.append("map outside_%s { type %s : ipv4_addr . inet_service; flags dynamic,timeout; timeout %ds; }" %
                         (proto, key, self.timeout))
            note += """meta l4proto %(p)s ct direction original update @inside_%(p)s { %(p)s sport : \
ct original ip saddr . ct original proto-src }
                meta l4proto %(p)s ct direction original update @heard_%(p)s { %(p)s sport . ip daddr }
                """ % {"p": proto}
            if self.mapping != "apd":
                note += "meta l4proto %s ct direction original update @outside_%s { %s : ip saddr . %s sport }\n" % (
                    proto, proto, there, proto)
                post += 'oifname "%s" snat ip addr . port to %s map @outside_%s\n' % (wan, here, proto)
            if self.preserve:
                post += 'oifname "%s" meta l4proto %s masquerade\n' % (wan, proto)
            else:
                post += 'oifname "%s" meta l4proto %s snat to %s : %s\n' % (wan, proto, wan_ip, NEXT_PORT)
            if self.forward:
                pre += 'iifname "%s" %s dport %d dnat to %s\n' % (wan, proto, self.forward[0], self.forward[1])
            if self.filtering == "ei":
                pre += 'iifname "%s" ip daddr %s dnat ip addr . port to %s dport map @inside_%s\n' % (
                    wan, wan_ip, proto, proto)
            elif self.filtering == "ad":
                pre += 'iifname "%s" ip daddr %s %s dport . ip saddr @heard_%s dnat ip addr . port to %s dport map ' \
                       "@inside_%s\n" % (wan, wan_ip, proto, proto, proto, proto)
            if self.hairpin:
                pre += 'iifname "%s" ip daddr %s dnat ip addr . port to %s dport map @inside_%s\n' % (
                    lan, wan_ip, proto, proto)
                if self.mapping == "ei":
                    post += 'iifname "%s" oifname "%s" ct status dnat snat ip addr . port to %s map @outside_%s\n' % (
                        lan, lan, here, proto)
        if self.hairpin:
            post += 'iifname "%s" oifname "%s" ct status dnat snat to %s\n' % (lan, lan, wan_ip)
        post += 'oifname "%s" meta l4proto icmp masquerade\n' % wan
        parts.append("chain post { type nat hook postrouting priority 100;\n%s}" % post)
        parts.append("chain pre { type nat hook prerouting priority -100;\n%s}" % pre)
        parts.append('chain note { type filter hook postrouting priority 300;\noifname "%s" jump noted\n}' % wan)
        parts.append("chain noted {\n%s}" % note)
        parts.reverse()  # nft wants chains that are jumped to first; sets may stand anywhere.
        return "\n".join(parts)


class Bed:
    """One client behind one router, or two behind two; `double` puts a second router of that kind before the first."""

    def __init__(self, *nats, double=None):
        self.name = "tp%d-%d" % (os.getpid(), len(_open_beds))
        self.programs = []
        self.spaces = []
        self.nats = list(nats)
        self.wan_ips = ["203.0.113.%d" % (i + 1) for i in range(len(nats))]
        self.double = double
        # What its programs write; the bed removes it, since nothing else is done after a signal.
        self.folder = tempfile.TemporaryDirectory(prefix="turnpike-netns-")
        _open_beds.append(self)
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    # -- parts --------------------------------------------------------------------------------------------------------

    def space(self, role):
        return self.name + role

    def _add_space(self, role):
        run("ip", "netns", "add", self.space(role))
        self.spaces.append(role)
        self.ip(role, "link set lo up")

    def ip(self, role, *lines):
        run("ip", "-n", self.space(role), "-force", "-batch", "-", stdin="\n".join(lines) + "\n")

    def sysctl(self, role, *settings):
        for setting in settings:
            path, value = setting.split("=")
            run("ip", "netns", "exec", self.space(role), "sh", "-c",
                "[ ! -e /proc/sys/%s ] || echo %s > /proc/sys/%s" % (path, value, path))

    def _link(self, a, a_name, b, b_name):
        run("ip", "link", "add", a_name, "netns", self.space(a), "type", "veth", "peer", "name", b_name, "netns",
            self.space(b))
        for role, name in ((a, a_name), (b, b_name)):
            self.ip(role, "link set %s up" % name)

    def _build(self):
        self._add_space("i")
        self.ip("i", "link add name net0 type bridge forward_delay 0", "link set net0 up",
                *["addr add %s/24 dev net0" % ip for ip in (*PAIR, SINGLE, BLACK_HOLE, *PEERS)],
                *["addr add %s/64 dev net0 nodad" % ip for ip in V6_PAIR])
        self.nft("i", "table ip hole { chain c { type filter hook input priority 0; ip daddr %s drop\n} }" % BLACK_HOLE)
        for index, nat in enumerate(self.nats):
            self._build_site(index, nat)

    def _build_site(self, index, nat):
        client, router = "c%d" % index, "g%d" % index
        lan = "192.168.%d" % (77 + index)
        wan_ip = self.wan_ips[index]
        self._add_space(client)
        self._add_space(router)
        self._link(client, "eth0", router, "lan")
        routed = nat.mapping is None
        if routed:
            lan = "198.51.100" if index == 0 else "198.51.101"
        self.lan_gateway = lan + ".1"
        self.ip(client, "addr add %s.100/24 dev eth0" % lan, "addr add %s.101/24 dev eth0" % lan,
                "route add default via %s.1" % lan, "addr add %s100/64 dev eth0 nodad" % V6_NET,
                "route add default via %s1" % V6_NET)
        self.ip(router, "addr add %s.1/24 dev lan" % lan, "addr add %s1/64 dev lan nodad" % V6_NET)
        if self.double is None:
            self._join_internet(router, "wan", index, wan_ip)
        else:
            outer = "h%d" % index
            self._add_space(outer)
            self._link(router, "wan", outer, "lan")
            inner_ip = "100.64.%d.2" % (7 + index)
            self.ip(router, "addr add %s/24 dev wan" % inner_ip, "route add default via 100.64.%d.1" % (7 + index))
            self.ip(outer, "addr add 100.64.%d.1/24 dev lan" % (7 + index))
            self._join_internet(outer, "wan", index, wan_ip)
            self._route(outer, self.double, wan_ip)
            wan_ip = inner_ip
        self._route(router, nat, wan_ip)
        if routed:
            self.ip("i", "route add %s.0/24 via %s" % (lan, wan_ip))
        self.ip(router, "route add default via 2001:db8:1::ff") if index == 0 and self.double is None else None

    def _join_internet(self, role, name, index, wan_ip):
        self._link(role, name, "i", "to%d" % index)
        self.ip("i", "link set to%d master net0" % index)
        self.ip(role, "addr add %s/24 dev %s" % (wan_ip, name))
        self.sysctl("i", "net/ipv4/conf/all/rp_filter=0")
        if index == 0:
            self.ip(role, "addr add 2001:db8:1::1/64 dev %s nodad" % name)
            self.ip("i", "route add %s/64 via 2001:db8:1::1" % V6_NET, "addr add 2001:db8:1::ff/64 dev net0 nodad")

    def _route(self, role, nat, wan_ip):
        self.sysctl(role, "net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1", "net/bridge/bridge-nf-call-iptables=0")
        self.nft(role, nat.rules(wan_ip))
        # IPv6 is not translated, and firewalled as home routers do.
        self.nft(role, """table ip6 firewall { chain forward { type filter hook forward priority 0;
            ct state established,related accept
            iifname "wan" meta l4proto != icmpv6 drop
            } }""")
        timeout = max(nat.timeout, 1)
        self.sysctl(role, "net/netfilter/nf_conntrack_udp_timeout=%d" % timeout,
                    "net/netfilter/nf_conntrack_udp_timeout_stream=%d" % timeout)

    def nft(self, role, rules):
        run("ip", "netns", "exec", self.space(role), "nft", "-f", "-", stdin=rules.replace("} }", "}\n}") + "\n")

    # -- use ----------------------------------------------------------------------------------------------------------

    def exec(self, role, *command, check=True, timeout=60, stdin=None):
        return run("ip", "netns", "exec", self.space(role), *command, check=check, timeout=timeout, stdin=stdin)

    def popen(self, role, *command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        program = subprocess.Popen(["ip", "netns", "exec", self.space(role), *command], **options)
        self.programs.append(program)
        return program

    def router(self):
        """The router that the Internet sees."""
        return "h0" if self.double else "g0"

    def flush(self):
        """The router forgets everything, as after a reboot. Nothing passes meanwhile: a packet of an old connection would be
        noted as its mapping, and the next connection would take that."""
        for role in [space for space in self.spaces if space[0] in "gh"]:
            self.exec(role, "nft", "add table ip reboot; add chain ip reboot nothing { type filter hook prerouting priority -400; "
                      "policy drop; }")
            for proto in ("udp", "tcp"):
                for what in ("map ip nat inside_", "map ip nat outside_", "set ip nat heard_"):
                    kind, rest = what.split(" ", 1)
                    run("ip", "netns", "exec", self.space(role), "nft", "flush", kind, *(rest + proto).split(), check=False)
            self.exec(role, "conntrack", "-F", check=False)
            self.exec(role, "nft", "delete table ip reboot")

    def new_ip(self, ip="203.0.113.5"):
        """Another public address, and nothing remembered."""
        role = self.router()
        self.ip(role, "addr flush dev wan", "addr add %s/24 dev wan" % ip)
        run("ip", "netns", "exec", self.space(role), "nft", "delete", "table", "ip", "nat")
        nat = self.double or self.nats[0]
        self.nft(role, nat.rules(ip))
        self.exec(role, "conntrack", "-F", check=False)
        self.wan_ips[0] = ip

    def close(self):
        if self not in _open_beds:
            return
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.wait()
        for role in reversed(self.spaces):
            run("ip", "netns", "del", self.space(role), check=False)
        self.folder.cleanup()
        _open_beds[_open_beds.index(self)] = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def close_all():
    for bed in list(_open_beds):
        if bed is not None:
            bed.close()


def _on_signal(number, _):
    close_all()
    os._exit(128 + number)


atexit.register(close_all)
for _signal in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(_signal, _on_signal)
