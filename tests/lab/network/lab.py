"""The lab: foundations and a coordinator, each at a place of its own, joined by links.

    with Lab() as lab:                      # the place "coordinator" is there, all may dial it
        lab.add("dev", rate="100mbit")      # may dial out only
        lab.add("prod", delay_ms=40)
        lab.allow("prod", "dev")            # prod may dial dev
        subprocess.run([*lab["dev"].enter, "ip", "addr"])
        lab.cut("dev")
        lab.restore("dev")

Needs root, or tests/lab/as_root before the program. Nothing is left when the block is left or this
process is killed: see place.py.
"""

import contextlib
import json

from .commands import run
from .firewall import Firewall
from .link import Link
from .place import Held, Place

COORDINATOR = "coordinator"
PLACES_MAX = 512  # networks of 256 addresses in 198.18.0.0/15
# A host's buffers for one connection may grow to 32 MiB, four times 400 Mbit/s x 160 ms: what is
# measured is the link and the program, not a default of the kernel.
SOCKET_BYTES_MAX = 32 * 1024 * 1024
HOST_SETTINGS = {
    "net.ipv4.tcp_rmem": f"4096 131072 {SOCKET_BYTES_MAX}",
    "net.ipv4.tcp_wmem": f"4096 16384 {SOCKET_BYTES_MAX}",
}


class Lab:
    """Used by one thread. With `outlives` it stays when this process ends, until `close`."""

    def __init__(self, outlives=False):
        self._outlives = outlives
        self._router = self._wire = self._firewall = None
        self._places, self._links = {}, {}

    def make(self):
        """The router, and the place of the coordinator."""
        self._router = Place("router", outlives=self._outlives)
        self._wire = Place("wire", outlives=self._outlives)
        run(*self._router.enter, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self._firewall = Firewall(self._router)
        self._firewall.make()
        self.add(COORDINATOR)
        self._firewall.accept_everyone(self[COORDINATOR].address)

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.ExitStack() as closing:  # each is ended even when another does not
            for place in (self._router, self._wire, *self._places.values()):
                if place:
                    closing.callback(place.holder.end)
            for link in self._links.values():
                closing.callback(link.end)

    # --- places ---

    def add(self, name, rate=None, delay_ms=0):
        """A place that may dial out only, behind a link of that rate and delay each way."""
        number = len(self._places)
        if number >= PLACES_MAX:
            raise ValueError(f"a lab has at most {PLACES_MAX} places")
        place = Place(name, outlives=self._outlives)
        link = Link(place, self._router, self._wire, number)
        place.address = f"{link.network}.2"
        self._places[name], self._links[name] = place, link
        link.make()
        for setting, value in HOST_SETTINGS.items():
            run(*place.enter, "sysctl", "-qw", f"{setting}={value}")
        if rate:
            link.limit(up=rate, down=rate)
        if delay_ms:
            self.delay(name, delay_ms)
        return place

    def __getitem__(self, name):
        if name not in self._places:
            raise LookupError(f"the lab has no place {name!r}; there are: {', '.join(self)}")
        return self._places[name]

    def __iter__(self):
        return iter(self._places)

    def __contains__(self, name):
        return name in self._places

    # --- the firewall ---

    def allow(self, dialler, dialled):
        self._firewall.allow(self[dialler].address, self[dialled].address)

    def forbid(self, dialler, dialled):
        """New connections; those that stand go on."""
        self._firewall.forbid(self[dialler].address, self[dialled].address)

    def packets_refused(self):
        return self._firewall.packets("refused")

    # --- links ---

    def cut(self, name):
        """Nothing passes any more, and neither side is told."""
        self._firewall.cut(self[name].address)

    def restore(self, name):
        self._firewall.restore(self[name].address)

    def part(self, one, other):
        """Nothing passes between the two any more, and neither is told; others reach both."""
        self._firewall.part(self[one].address, self[other].address)

    def join(self, one, other):
        self._firewall.join(self[one].address, self[other].address)

    def packets_lost(self):
        """On their way to or from places that are cut off, or between places that are parted."""
        return self._firewall.packets("lost")

    def limit(self, name, rate):
        """The rate of both directions, as "100mbit"; None takes the limit away."""
        self.limit_each(name, up=rate, down=rate)

    def limit_each(self, name, **rates):
        """`up` is from the place, `down` to it; a direction that is not named stays as it is."""
        self[name]
        self._links[name].limit(**rates)

    def delay(self, name, milliseconds):
        """Each way, so that a round trip between two places has twice the sum of their delays."""
        self[name]
        self._links[name].delay(milliseconds, self._outlives)

    def carried(self, name):
        """Bytes that the link has carried so far."""
        self[name]
        return self._links[name].carried()

    def link(self, name):
        self[name]
        return self._links[name]

    # --- a lab that outlives its maker ---

    def record(self):
        """All that `take_up` needs, as JSON."""
        return json.dumps({
            "router": self._router.holder.record(),
            "wire": self._wire.holder.record(),
            "places": [{"name": name, "address": place.address,
                        "holder": place.holder.record(), "link": self._links[name].record()}
                       for name, place in self._places.items()]}, indent=2)

    @classmethod
    def take_up(cls, recorded):
        """The lab that another process made."""
        told = json.loads(recorded)
        lab = cls(outlives=True)
        lab._router = Place("router", holder=Held(**told["router"]))
        lab._wire = Place("wire", holder=Held(**told["wire"]))
        lab._firewall = Firewall(lab._router)
        for item in told["places"]:
            place = Place(item["name"], item["address"], Held(**item["holder"]))
            link = Link(place, lab._router, lab._wire, item["link"]["number"])
            link.take_up(item["link"])
            lab._places[place.name], lab._links[place.name] = place, link
        return lab

    @property
    def stands(self):
        """Whether everything that holds it still runs."""
        places = (self._router, self._wire, *self._places.values())
        return all(place.holder.alive for place in places)
