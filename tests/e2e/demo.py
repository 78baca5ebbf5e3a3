"""The demo that deploy/demo starts once everything is built: the story, and its table."""

import argparse
import signal
import sys
import tempfile
import time

from federation.checkout_story import Broken, CheckoutStory, table
from federation.federation import ORGANIZATION, SPACE, Federation
from federation.programs import binaries

HOW_TO_USE = """
Everything goes on running until you press Ctrl-C. In another terminal:

  export PATH={binaries}:$PATH SLUICE_CONFIG={config}
  sluice foundations
  sluice droplets dev:acme/payments/checkout
  sluice promotions
  sluice promote dev:acme/payments/checkout prod:acme/payments --dry-run
  curl -H 'Host: {dev_host}' {dev_router}
  curl -H 'Host: {prod_host}' {prod_router}
"""


def how_to_use(federation):
    dev, prod = federation.boxes["dev"], federation.boxes["prod"]
    return HOW_TO_USE.format(
        binaries=binaries(), config=federation.cli_config(),
        dev_host=dev.host_of("checkout"), dev_router=dev.router_url,
        prod_host=prod.host_of("checkout"), prod_router=prod.router_url)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", action="store_true")
    keep = parser.parse_args().keep
    began = time.monotonic()

    def say(line):
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    with tempfile.TemporaryDirectory(prefix="sluice-droplets-") as droplets, \
            Federation() as federation:
        try:
            say("start two foundations, an agent in each, and the coordinator")
            for name in ("dev", "prod"):
                federation.add_foundation(name).make_space(ORGANIZATION, SPACE)
            federation.start()
            story = CheckoutStory(federation, droplets, say)
            story.all()
        except Broken as broken:
            print(f"\nThis did not hold: {broken}\n{federation.last_lines()}", file=sys.stderr)
            return 1
        say("all of it held")
        print("\n" + table(story.rows))
        if keep:
            print(how_to_use(federation), flush=True)
            try:
                signal.sigwait({signal.SIGINT, signal.SIGTERM})
            except KeyboardInterrupt:
                pass
    return 0


sys.exit(main())
