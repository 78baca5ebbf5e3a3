"""A user of an app: asks it at a steady rate, through the foundation's router, and counts.

Requests start on a timetable whatever the earlier ones do, each on a connection of its own, as
new users would come.
"""

import concurrent.futures
import http.client
import json
import threading
import time
from dataclasses import dataclass
from typing import Optional
from urllib.parse import urlsplit

REQUEST_SECONDS = 10
CONCURRENT_MAX = 32


@dataclass
class Asked:
    """One request: monotonic times, and the version that answered or what went wrong."""

    began: float
    ended: float
    version: Optional[int]
    failure: Optional[str]


def ask(router_url, host):
    """One request to the app behind `host`."""
    began = time.monotonic()
    router = urlsplit(router_url)
    connection = http.client.HTTPConnection(router.hostname, router.port, timeout=REQUEST_SECONDS)
    try:
        connection.request("GET", "/", headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            return Asked(began, time.monotonic(), None,
                         f"{answer.status} {body[:200].decode(errors='replace')}")
        return Asked(began, time.monotonic(), json.loads(body)["version"], None)
    except (OSError, http.client.HTTPException, ValueError, KeyError) as wrong:
        return Asked(began, time.monotonic(), None, f"{type(wrong).__name__}: {wrong}")
    finally:
        connection.close()


class SteadyClient:
    """Asks `per_second` times a second between `with` and its end."""

    def __init__(self, router_url, host, per_second=20):
        self._router_url, self._host, self._interval = router_url, host, 1 / per_second
        self._stop = threading.Event()
        self._counted = threading.Condition()
        self._asked = []

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        due = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(CONCURRENT_MAX) as users:
            while not self._stop.wait(max(0, due - time.monotonic())):
                users.submit(self._ask)
                due += self._interval

    def _ask(self):
        asked = ask(self._router_url, self._host)
        with self._counted:
            self._asked.append(asked)
            self._counted.notify_all()

    def wait_for_count(self, count, seconds=60):
        """Until that many requests have ended."""
        with self._counted:
            if not self._counted.wait_for(lambda: len(self._asked) >= count, seconds):
                raise TimeoutError(f"only {len(self._asked)} of {count} requests in {seconds} s")

    @property
    def asked(self):
        """In the order in which they began."""
        with self._counted:
            return sorted(self._asked, key=lambda asked: asked.began)

    @property
    def failures(self):
        return [asked for asked in self.asked if asked.failure]

    def versions(self, began_after=0.0):
        return {asked.version for asked in self.asked
                if asked.version is not None and asked.began >= began_after}
