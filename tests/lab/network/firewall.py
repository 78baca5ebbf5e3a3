"""Who may dial whom: packet filter rules (nftables) in the namespace where all links meet.

Whoever dials out is answered; a new connection passes only to a place that accepts everyone, or
for a pair that was allowed. What is refused is dropped without an answer, as firewalls between
foundations do. What goes to or comes from a place that is cut off is lost, connections or not, and
so is what goes between two places that are parted.
"""

import json

from .commands import run

RULES = """
table inet lab {
  set public { type ipv4_addr; }
  set dials { type ipv4_addr . ipv4_addr; }
  set cut { type ipv4_addr; }
  set parted { type ipv4_addr . ipv4_addr; }
  counter lost { }
  counter refused { }
  chain between_links {
    type filter hook forward priority 0; policy drop;
    ip saddr @cut counter name "lost" drop
    ip daddr @cut counter name "lost" drop
    ip saddr . ip daddr @parted counter name "lost" drop
    ct state established,related accept
    ip daddr @public accept
    ip saddr . ip daddr @dials accept
    counter name "refused" drop
  }
}
"""


class Firewall:
    def __init__(self, router):
        self._enter = router.enter

    def make(self):
        run(*self._enter, "nft", "-f", "-", text=RULES)
        # A window of many megabytes and packets lost on purpose are no attack.
        run(*self._enter, "sysctl", "-qwe", "net.netfilter.nf_conntrack_tcp_be_liberal=1")

    def _element(self, verb, name, element):
        run(*self._enter, "nft", verb, "element", "inet", "lab", name, f"{{ {element} }}")

    def accept_everyone(self, address):
        self._element("add", "public", address)

    def allow(self, dialler, dialled):
        self._element("add", "dials", f"{dialler} . {dialled}")

    def forbid(self, dialler, dialled):
        """New connections; those that stand go on."""
        self._element("delete", "dials", f"{dialler} . {dialled}")

    def cut(self, address):
        self._element("add", "cut", address)

    def restore(self, address):
        self._element("delete", "cut", address)

    def part(self, one, other):
        for pair in (f"{one} . {other}", f"{other} . {one}"):
            self._element("add", "parted", pair)

    def join(self, one, other):
        for pair in (f"{one} . {other}", f"{other} . {one}"):
            self._element("delete", "parted", pair)

    def packets(self, counter):
        """How many packets were "refused", or "lost" on their way to or from a place cut off."""
        told = json.loads(run(*self._enter, "nft", "--json", "list", "counter", "inet", "lab",
                              counter))
        return next(item["counter"]["packets"] for item in told["nftables"] if "counter" in item)
