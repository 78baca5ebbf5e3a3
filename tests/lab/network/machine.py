"""What the lab needs of the machine, each thing tried once, so that what is missing has a name."""

import os
import shutil
import socket

from .commands import CommandFailed, run
from .firewall import Firewall
from .place import Place

PROGRAMS = ("ip", "tc", "nft", "nsenter", "sysctl", "unshare")
SOL_PACKET, PACKET_VNET_HDR = 263, 15  # linux/if_packet.h


def _links(place):
    run(*place.enter, "ip", "link", "add", "near", "type", "veth", "peer", "name", "far")


def _rates(place):
    run(*place.enter, "tc", "qdisc", "add", "dev", "near", "root", "tbf", "rate", "1mbit", "burst",
        "64k", "latency", "50ms")


def _delay_lines(place):
    with place.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as packets:
        packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)


def _forwarding(place):
    run(*place.enter, "sysctl", "-qw", "net.ipv4.ip_forward=1")


def _firewall(place):
    Firewall(place).make()


NEEDS = {
    "virtual links (veth)": _links,
    "token buckets (tc-tbf)": _rates,
    "packet sockets (AF_PACKET)": _delay_lines,
    "forwarding (/proc/sys/net writable)": _forwarding,
    "a packet filter with states (nf_tables, nf_conntrack)": _firewall,
}


def missing():
    """A line for each thing that is not there; none when a lab can be made."""
    lacking = [f"the program {name}" for name in PROGRAMS if not shutil.which(name)]
    if lacking:
        return lacking
    if os.geteuid() != 0:
        return ["root: put tests/lab/as_root before it"]
    try:
        place = Place("machine")
    except RuntimeError as refusal:
        return [f"network namespaces ({refusal})"]
    for what, need in NEEDS.items():
        try:
            need(place)
        except (CommandFailed, OSError) as refusal:
            # A command that failed says which one it was before it says why.
            why = str(refusal).splitlines()[1 if isinstance(refusal, CommandFailed) else 0]
            lacking.append(f"{what}: {why}")
    place.holder.end()
    return lacking
